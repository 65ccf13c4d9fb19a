"""The HTTP/1.1 front: from a client's socket to a `Request`, and from a `Reply` back. It knows no path, no model and no money."""
