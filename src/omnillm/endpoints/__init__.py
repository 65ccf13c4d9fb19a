"""The endpoint families beside generation: what each asks and answers, and the wire formats that say it. Pure."""
