"""The wire protocols, a package each. All supply the same: for the straight line a `Protocol`, for translation a `Codec`."""
