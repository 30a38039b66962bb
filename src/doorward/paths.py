"""Every path that Doorward itself serves, and how a path and the issuer make an address.

A door cannot be below the first segment of any of these paths. The routing table is built from their names. The server
does not start if a path is missing here.

The issuer may have a path (`https://example.com/team`). No other module joins it with a path or splits it: an issuer is
not an origin.
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


def origin_of(issuer: str) -> str:
    """Return scheme, host and port of an issuer in its canonical spelling. Spec: RFC 6454 s4."""
    scheme, _, rest = issuer.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def host_of(issuer: str) -> str:
    """Return host and port of an issuer, as in the header `Host`."""
    return issuer.partition("://")[2].partition("/")[0]


def path_of(issuer: str) -> str:
    """Return the path of an issuer, without a last slash; empty if it has none."""
    _, slash, path = issuer.partition("://")[2].partition("/")
    return (slash + path).rstrip("/")


def url_of(issuer: str, path: str) -> str:
    """Return the public address of what is served at `path`, which counts from the path of the issuer."""
    return issuer + path


def local_path(base: str, path: str) -> str:
    """Return a path as it counts from `base`; unchanged if it is not below it."""
    return path[len(base) :] or "/" if is_below(base, path) else path


def is_below(base: str, path: str) -> bool:
    """Return whether a path is `base` or below it, segment by segment. Everything is below an empty base."""
    return path == base or path.startswith(f"{base}/")


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
