"""OAuth clients: what they declare about themselves, how they authenticate, and where they may be sent."""
