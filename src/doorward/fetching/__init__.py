"""The only way out: every request of Doorward to an address that a client or document named."""
