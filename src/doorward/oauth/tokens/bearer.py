"""The protected resource: whether a token is valid here and now, and the challenge if it is not.

Runs on every call, so it only compares. Without a token the challenge names no error. An invalid token gets
`invalid_token`, always with 401. A missing scope gets 403, with every scope of the operation at once.

Implements RFC 6750 s2.1 and s3, RFC 9449 s7, RFC 9728 s5.1, RFC 8707 s2. Does not know where records come
from; a store that cannot answer never reaches this module.
"""

from __future__ import annotations

import re
from typing import Literal

from doorward.oauth.dpop import ALGORITHMS as DPOP_ALGORITHMS
from doorward.oauth.errors import BearerError, Reason
from doorward.oauth.policy import Policy
from doorward.records.accounts import HeaderToken
from doorward.records.oauth import AccessToken

_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*").fullmatch
_UNQUOTABLE = re.compile(r"[^\x20-\x7e]")


def presented_token(authorization: bytes | None) -> str | None:
    """Return the token of an `Authorization` header; None without a header, or if its scheme is not Bearer.

    Raises:
        BearerError: the scheme is Bearer, but no token follows it.

    Spec: RFC 6750 s2.1
    """
    return _presented(authorization, "Bearer")


def presented_dpop_token(authorization: bytes | None) -> str | None:
    """Return the token of an `Authorization` header with the scheme DPoP; None for another scheme or no header.

    Raises:
        BearerError: the scheme is DPoP, but no token follows it.

    Spec: RFC 9449 s7.1
    """
    return _presented(authorization, "DPoP")


def _presented(authorization: bytes | None, scheme: Literal["Bearer", "DPoP"]) -> str | None:
    name, _, rest = (authorization or b"").partition(b" ")
    if name.lower() != scheme.lower().encode():
        return None
    token = rest.strip(b" ")
    if _TOKEN(token) is None:
        raise BearerError(Reason.MALFORMED_TOKEN, "The access token is malformed.", scheme=scheme)
    return token.decode("ascii")


def check_bound(record: AccessToken) -> None:
    """Check that a token presented with the scheme DPoP is bound to a key.

    Raises:
        BearerError: it is a bearer token; accepting it would make it look protected when it is not.

    Spec: RFC 9449 s7.1
    """
    if record.dpop_jkt is None:
        raise BearerError(Reason.UNPROVED_TOKEN, "This is a bearer token: send it as Bearer.", scheme="DPoP")


def check_access_token(record: AccessToken | None, *, now: int, resource: str) -> AccessToken:
    """Return the record if it is valid now and issued for this door.

    Raises:
        BearerError: unknown or revoked, expired, or made for another resource.

    Spec: RFC 6750 s3.1, RFC 8707 s2
    """
    if record is None:
        raise BearerError(Reason.UNKNOWN_TOKEN, "The access token is not valid.")
    if record.expires_at is not None and record.expires_at <= now:
        raise BearerError(Reason.EXPIRED_TOKEN, "The access token has expired.")
    if record.resource != resource:
        raise BearerError(Reason.WRONG_RESOURCE, "The access token is for another resource.")
    return record


def unproved_token() -> BearerError:
    """Return the error for a key-bound token that was presented as a bearer token. Spec: RFC 9449 s7.2."""
    return BearerError(Reason.UNPROVED_TOKEN, "The access token is bound to a key: send it as DPoP, with a proof.")


def check_header_token(record: HeaderToken | None, *, now: int, door: str, policy: Policy) -> HeaderToken:
    """Return the record of an operator's token if it is valid now and made for this door; it may have no expiry.

    Raises:
        BearerError: unknown, revoked, expired, made for administration or for another door.
    """
    if record is None:
        raise BearerError(Reason.UNKNOWN_TOKEN, "The token is not valid.")
    if record.expires_at is not None and record.expires_at <= now:
        raise BearerError(Reason.EXPIRED_TOKEN, "The token has expired.")
    if record.capabilities:
        raise BearerError(Reason.ADMINISTRATION_TOKEN, "This token is for the administration API only.")
    if not policy.opens(record.door, door):
        raise BearerError(Reason.WRONG_RESOURCE, "The token is for another door.")
    return record


def check_scopes(scopes: tuple[str, ...], required: tuple[str, ...]) -> None:
    """Check that a token has every scope of the operation.

    Raises:
        BearerError: 403, naming all required scopes and not only the missing ones, so that one step-up is enough.

    Spec: RFC 6750 s3.1
    """
    for scope in required:
        if scope not in scopes:
            raise BearerError(
                Reason.MISSING_SCOPE,
                "The access token lacks a scope that this needs.",
                status=403,
                error="insufficient_scope",
                scopes=required,
            )


def challenge(
    error: BearerError | None, *, resource_metadata: str | None, scope: str, offers_dpop: bool = False
) -> str:
    """Return the value of `WWW-Authenticate`. An error that names its own scopes overrides `scope`.

    The challenge uses the scheme by which the token was presented. DPoP is added if it is required, or the token is
    bound.

    Spec: RFC 6750 s3, RFC 9449 s7.1, RFC 9728 s5.1
    """
    scheme = "Bearer" if error is None else error.scheme
    algorithms = " ".join(DPOP_ALGORITHMS)
    parameters: dict[str, str | None] = {}
    if error is not None and error.error is not None:
        parameters = {"error": error.error, "error_description": error.description}
        scope = " ".join(error.scopes) or scope
    if scheme == "DPoP":
        parameters["algs"] = algorithms
    parameters |= {"scope": scope, "resource_metadata": resource_metadata}
    text = " ".join(
        (scheme, ", ".join(f"{name}={_quoted(value)}" for name, value in parameters.items() if value))
    ).rstrip()
    is_bound = error is not None and error.reason is Reason.UNPROVED_TOKEN
    return f"{text}, DPoP algs={_quoted(algorithms)}" if scheme == "Bearer" and (offers_dpop or is_bound) else text


def _quoted(value: str) -> str:
    clean = _UNQUOTABLE.sub("?", value)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'
