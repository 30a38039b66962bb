"""The doctor: sends a server the requests its clients would send, and names what stops them, with the fix."""
