"""From an authorization request to a code: the request, the consent, the redirect."""
