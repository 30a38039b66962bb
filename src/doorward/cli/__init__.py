"""The command line: one file per command; each parses, calls one function, prints, and sets the exit code."""
