"""What each grant of the token endpoint loads before its decision: one module per grant, as in `oauth/grants`."""
