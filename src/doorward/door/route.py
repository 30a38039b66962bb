"""The door's paths: its own, with and without a last slash, and nothing similar.

Several clients lose the body or the credential on a redirect between the two, so both are served. Everything else
(another case, doubled slashes, dot segments, parameters) is a different path. It is never normalised: if two parsers
normalise differently, a protected path may be reached as if it were public.
"""

from __future__ import annotations


def owned_paths(path: str) -> frozenset[str]:
    """Return the decoded request paths of a door at `path`."""
    bare = path.rstrip("/")
    return frozenset({bare, bare + "/"}) if bare else frozenset({"/"})
