"""How an examination reaches a server: names, connections, TLS, and requests within limits."""
