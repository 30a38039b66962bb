"""The doctor: asks a server what its clients would ask, and names what stops them, with the fix."""
