"""Pages for people: sign-in, consent and errors."""
