"""Pushed authorization requests: the client sends its parameters directly, and the browser carries a reference.

A pushed request passes every check of the authorization endpoint when it is pushed, and again when it is used, because
the client may have changed in between. The reference is valid for a minute, for one client and one visit.

Implements RFC 9126 s2, s3 and s4, RFC 9449 s10.1. Does not know how the client proved who it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from doorward.oauth.authorization.request import trusted_client_target, validate
from doorward.oauth.errors import (
    InvalidRequest,
    LocalAuthorizationError,
    OAuthError,
    Reason,
    RedirectAuthorizationError,
)
from doorward.oauth.parameters import Parameters
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import Change, Decision, Delete, Insert, Stored
from doorward.records.oauth import Client, PushedRequest

REQUEST_URI_PREFIX = "urn:ietf:params:oauth:request_uri:"

_OF_THE_CLIENT = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


def push(
    form: Mapping[str, str], *, client: Client, reference: str, jkt: str | None, now: int, policy: Policy
) -> Decision[dict[str, object]]:
    """Store the parameters of an authenticated client; `jkt` is the key that this request proved, if any.

    Raises:
        OAuthError: the authorization endpoint would not accept it; the client gets the error directly.

    Spec: RFC 9126 s2.1, s2.2
    """
    if "request_uri" in form:
        raise InvalidRequest("request_uri cannot be pushed.", Reason.REQUEST_OBJECT)
    if form.get("client_id", client.client_id) != client.client_id:
        raise InvalidRequest("client_id differs from that of the client.", Reason.CLIENT_ID_MISMATCH)
    parameters = {name: value for name, value in form.items() if name not in _OF_THE_CLIENT}
    parameters["client_id"] = client.client_id
    if jkt is not None and parameters.setdefault("dpop_jkt", jkt) != jkt:
        raise InvalidRequest("dpop_jkt is not the key of the DPoP proof.", Reason.FOREIGN_KEY)
    _check(parameters, client, now, policy)
    record = PushedRequest(
        reference_digest=digest(reference),
        client_id=client.client_id,
        parameters=parameters,
        created_at=now,
        expires_at=now + policy.pushed_request_seconds,
    )
    reply: dict[str, object] = {
        "request_uri": REQUEST_URI_PREFIX + reference,
        "expires_in": policy.pushed_request_seconds,
    }
    return Decision(reply, (Insert(record),))


def pushed_reference(parameters: Mapping[str, str]) -> str | None:
    """Return the reference that the query carries; None if the query holds the parameters themselves.

    Spec: RFC 9126 s2.2
    """
    request_uri = parameters.get("request_uri", "")
    return request_uri.removeprefix(REQUEST_URI_PREFIX) if request_uri.startswith(REQUEST_URI_PREFIX) else None


def pushed_parameters(
    pushed: Stored[PushedRequest] | None, parameters: Mapping[str, str], *, now: int
) -> tuple[Parameters, Change]:
    """Return the pushed parameters, and the change that consumes them; all other query parameters are ignored.

    Raises:
        LocalAuthorizationError: unknown, used, expired, or another client's. It is shown locally, because the
            redirect URI is part of what is missing.

    Spec: RFC 9126 s4
    """
    record = None if pushed is None else pushed.record
    if pushed is None or record is None or (record.expires_at is not None and record.expires_at <= now):
        raise LocalAuthorizationError(
            "This link was used before, or is too old. Start again from your MCP client.", Reason.UNKNOWN_REQUEST_URI
        )
    if parameters.get("client_id") != record.client_id:
        raise LocalAuthorizationError("This link belongs to another application.", Reason.CLIENT_ID_MISMATCH)
    return Parameters(record.parameters, frozenset()), Delete(PushedRequest, record.key, pushed.version)


def require_pushed(parameters: Mapping[str, str], *, was_pushed: bool, redirect_uri: str, policy: Policy) -> None:
    """Refuse parameters in the query if they must be pushed.

    Raises:
        RedirectAuthorizationError: the client gets it in the redirect.

    Spec: RFC 9126 s4
    """
    if policy.require_par and not was_pushed:
        error = InvalidRequest("Push the parameters to the PAR endpoint first.", Reason.NOT_PUSHED)
        state = parameters.get("state")
        if state is not None and len(state) > policy.state_limit_chars:
            state = None
        raise RedirectAuthorizationError(error, redirect_uri=redirect_uri, state=state, issuer=policy.issuer)


def _check(parameters: Mapping[str, str], client: Client, now: int, policy: Policy) -> None:
    try:
        redirect_uri = trusted_client_target(parameters, client, now=now, policy=policy)
        validate(
            parameters, client, redirect_uri=redirect_uri, request_id="", browser_digest="", now=now, policy=policy
        )
    except (LocalAuthorizationError, RedirectAuthorizationError) as error:
        refusal = OAuthError(error.description, error.reason)
        refusal.error = error.error
        raise refusal from None
