"""The metadata documents, encoded once and served at every location a client may ask.

Spec: RFC 8414 s3; RFC 9728 s3; OpenID Connect Discovery 1.0 s4.
"""

from __future__ import annotations

import msgspec
from starlette.types import ASGIApp

from doorward.edge.router import static
from doorward.oauth import metadata
from doorward.oauth.policy import Policy


def encoded(policy: Policy) -> dict[str, bytes]:
    """Return the document at each well-known path, byte for byte as it is published."""
    texts = {
        "protected_resource": msgspec.json.encode(metadata.protected_resource(policy)),
        "authorization_server": msgspec.json.encode(metadata.authorization_server(policy)),
    }
    return {path: texts[document] for path, document in metadata.locations(policy.issuer, policy.resource).items()}


def documents(policy: Policy) -> dict[str, ASGIApp]:
    """Return an app for each well-known path."""
    return {path: static(body, "application/json") for path, body in encoded(policy).items()}
