"""The metadata documents, encoded once and served at every location a client may ask.

Spec: RFC 8414 s3; RFC 9728 s3; OpenID Connect Discovery 1.0 s4.
"""

from __future__ import annotations

from starlette.types import ASGIApp

from doorward.endpoints.routes import static_json
from doorward.oauth import metadata
from doorward.oauth.policy import Policy


def documents(policy: Policy) -> dict[str, ASGIApp]:
    """Return an app for each well-known path."""
    apps = {
        "protected_resource": static_json(metadata.protected_resource(policy)),
        "authorization_server": static_json(metadata.authorization_server(policy)),
    }
    return {path: apps[document] for path, document in metadata.locations(policy.issuer, policy.resource).items()}
