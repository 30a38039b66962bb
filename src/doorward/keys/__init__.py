"""Signing and sealing keys: the ring in memory, the master key that protects them, and their rotation."""
