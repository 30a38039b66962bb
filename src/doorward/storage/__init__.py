"""The storage port, its backends, and the files that hold an installation's data."""
