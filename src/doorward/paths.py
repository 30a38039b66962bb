"""Every path that Doorward itself serves. A door cannot be below the first segment of any of them.

The routing table is built from these names. The server does not start if a path is missing here.
"""

from __future__ import annotations

AUTHORIZE_PATH = "/authorize"
TOKEN_PATH = "/token"
REGISTER_PATH = "/register"
REVOKE_PATH = "/revoke"
INTROSPECT_PATH = "/introspect"
PAR_PATH = "/par"
DEVICE_AUTHORIZATION_PATH = "/device_authorization"

WELL_KNOWN = "/.well-known"
JWKS_PATH = f"{WELL_KNOWN}/jwks.json"
PROTECTED_RESOURCE = f"{WELL_KNOWN}/oauth-protected-resource"
AUTHORIZATION_SERVER = (f"{WELL_KNOWN}/oauth-authorization-server", f"{WELL_KNOWN}/openid-configuration")

OWN = "/-"
"""Pages, the JSON API and all paths that are specific to Doorward are below this segment."""
SIGN_IN = f"{OWN}/login"
CONSENT = f"{OWN}/consent"
CONNECTIONS = f"{OWN}/connections"
DEVICE = f"{OWN}/device"
STYLESHEET = f"{OWN}/static/pages.css"
ARRIVAL = f"{OWN}/arrival"
API = f"{OWN}/api/v1"
CONNECTIONS_API = f"{API}/connections"

LIVENESS = "/livez"
READINESS = "/readyz"
METRICS = "/metrics"


def first_segment(path: str) -> str:
    """Return the first segment of a path."""
    return path.split("/", 2)[1]


RESERVED_FIRST_SEGMENTS = frozenset(
    first_segment(path)
    for path in (
        AUTHORIZE_PATH,
        TOKEN_PATH,
        REGISTER_PATH,
        REVOKE_PATH,
        INTROSPECT_PATH,
        PAR_PATH,
        DEVICE_AUTHORIZATION_PATH,
        WELL_KNOWN,
        OWN,
        LIVENESS,
        READINESS,
        METRICS,
    )
)
