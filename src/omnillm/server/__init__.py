"""The HTTP server: the front, the table of paths, authentication, the operator's pages."""
