"""The metadata documents, encoded once and served at every path where a client may look.

Spec: RFC 8414 s3; RFC 9728 s3; OpenID Connect Discovery 1.0 s4.
"""

from __future__ import annotations

import msgspec
from starlette.types import ASGIApp

from doorward.edge.router import static
from doorward.oauth import metadata
from doorward.oauth.policy import Policy
from doorward.paths import local_path


def encoded(policy: Policy) -> dict[str, bytes]:
    """Return the document at each well-known path, exactly as it is published."""
    bodies: dict[bytes, bytes] = {}
    found: dict[str, bytes] = {}
    for path, document in metadata.documents(policy).items():
        body = msgspec.json.encode(document)
        # Most paths of most doors have the same document, so they share its bytes.
        found[path] = bodies.setdefault(body, body)
    return found


def documents(policy: Policy) -> dict[str, ASGIApp]:
    """Return an app for each well-known path, as it counts from the path of the issuer if it is below it."""
    bodies = encoded(policy)
    apps = {body: static(body, "application/json") for body in set(bodies.values())}
    served = {path: apps[body] for path, body in bodies.items()}
    missing = {
        path: static(msgspec.json.encode(error), "application/json", status=404)
        for path, error in metadata.undecided_documents(policy).items()
    }
    return {local_path(policy.base_path, path): app for path, app in (served | missing).items()}
