"""What a check is, what it may ask, and the runner that drives all checks along the chain."""
