"""What a Python user holds: `Gateway`, on the same engine as the server. Its names are those of `omnillm` itself."""
