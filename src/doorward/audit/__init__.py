"""The audit log: which changes are events, the chain that reveals a missing entry, and how old entries are purged."""
