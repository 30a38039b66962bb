"""The HTTP edge: the router, errors as responses, limits, and the client address of a request."""
