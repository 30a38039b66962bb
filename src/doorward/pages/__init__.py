"""What a person sees: sign-in, consent and errors."""
