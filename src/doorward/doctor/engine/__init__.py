"""The definition of a check, the requests it may send, and the runner that drives all checks along the chain."""
