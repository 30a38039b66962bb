"""Pure decisions of the authorization server and the resource server: no I/O, no clock, no randomness."""
