"""Where HTTP begins and ends: the router, errors as responses, limits, and whose address a request has."""
