"""Ways in which a user proves who they are."""
