"""The grants of the token endpoint by their wire names, and which of them are served.

A grant that is not served is not advertised and gets `unsupported_grant_type`. In addition to codes and refresh tokens,
a client has only the grants that an operator gave it. Clients that register themselves get none of them.

Implements the registry of RFC 7591 s2 for RFC 6749 s4.4, RFC 8693, RFC 7523 and RFC 8628, and the dispatch of RFC 6749
s3.2 and s4.5.
"""

from __future__ import annotations

from collections.abc import Mapping

from doorward.oauth.errors import InvalidRequest, Reason, UnsupportedGrantType
from doorward.oauth.policy import Policy
from doorward.paths import DEVICE_AUTHORIZATION_PATH

AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"
CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


OPERATOR_GRANTS = {
    "client_credentials": CLIENT_CREDENTIALS,
    "token_exchange": TOKEN_EXCHANGE,
    "jwt_bearer": JWT_BEARER,
    "device_code": DEVICE_CODE,
}
"""The grants that an operator can give a client, by the name they type."""

ID_JAG_PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"
"""The only kind of assertion that `JWT_BEARER` accepts. Spec: MCP enterprise-managed authorization."""


def published(policy: Policy) -> dict[str, object]:
    """Return what the metadata says about grants. Spec: RFC 8414 s2, RFC 8628 s4."""
    members: dict[str, object] = {"grant_types_supported": list(served(policy))}
    if policy.trusted_issuers:
        members["authorization_grant_profiles_supported"] = [ID_JAG_PROFILE]
    if policy.device_grant:
        members["device_authorization_endpoint"] = policy.url_of(DEVICE_AUTHORIZATION_PATH)
    return members


def served(policy: Policy) -> tuple[str, ...]:
    """Return the grants that are served, in the order they are published."""
    grants = [AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS, TOKEN_EXCHANGE]
    if policy.trusted_issuers:
        grants.append(JWT_BEARER)
    if policy.device_grant:
        grants.append(DEVICE_CODE)
    return tuple(grants)


def grant_type(form: Mapping[str, str], *, policy: Policy) -> str:
    """Return the grant type that the form asks for.

    Raises:
        InvalidRequest: it names none.
        UnsupportedGrantType: it names one that is not served here.

    Spec: RFC 6749 s5.2
    """
    asked = form.get("grant_type")
    if asked is None:
        raise InvalidRequest("grant_type is missing.", Reason.MISSING_PARAMETER)
    if asked not in served(policy):
        raise UnsupportedGrantType("grant_type must be one that the metadata lists.", Reason.GRANT_TYPE)
    return asked
