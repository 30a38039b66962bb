"""How users sign in."""
