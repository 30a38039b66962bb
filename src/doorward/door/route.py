"""Which paths are the door's: its own, with and without a last slash, and nothing that merely resembles it.

A redirect from one spelling to the other loses the body or the credential in several clients, so both are served.
Everything else (other case, doubled slashes, dot segments, parameters) is another path, never this one "cleaned up":
two readers that clean up differently are how a protected route is reached as if it were public.
"""

from __future__ import annotations


def owned_paths(path: str) -> frozenset[str]:
    """Return the decoded request paths that belong to a door at `path`."""
    bare = path.rstrip("/")
    return frozenset({bare, bare + "/"}) if bare else frozenset({"/"})
