"""The records that each grant of the token endpoint loads, in one module per grant, as in `oauth/grants`."""
