"""The audit log: which changes are events, the chain that shows a missing entry, and how old entries leave."""
