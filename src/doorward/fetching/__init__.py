"""The one way out: every request that Doorward makes to an address that somebody else named."""
