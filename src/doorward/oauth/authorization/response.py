"""The redirect that answers an authorization request, for success and error alike.

Implements the URI of RFC 6749 s4.1.2 and s4.1.2.1 with `iss` of RFC 9207 s2. The caller has already proved that the
redirect URI belongs to the client; this module does not know clients.
"""

from __future__ import annotations

from urllib.parse import urlencode

RESPONSE_PARAMETERS = frozenset({"code", "state", "iss", "error", "error_description", "error_uri", "response"})
"""Names that only the authorization server may set; a redirect URI that carries one could forge a response."""


def location(redirect_uri: str, **parameters: str | None) -> str:
    """Append the parameters that have a value to the query of `redirect_uri`, keeping what is there.

    Spec: RFC 6749 s3.1.2, s4.1.2
    """
    base = redirect_uri.partition("#")[0]
    joint = "?" if "?" not in base else "" if base.endswith(("?", "&")) else "&"
    return base + joint + urlencode({name: value for name, value in parameters.items() if value is not None})
