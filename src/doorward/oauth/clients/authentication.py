"""Client authentication: none, Basic, a secret in the body, or a signed assertion.

The registered method is enforced. A client that chose none when it registered may send its secret by Basic or in the
body, because such clients do not know which they will use. A client that registered without a secret and sends one is
refused, because it mistakes itself for another client.

Implements RFC 6749 s2.3 and RFC 7591 s2. Does not know endpoints; the caller loads the client.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from doorward.oauth.clients.assertion import Assertion, check_assertion, read_assertion
from doorward.oauth.clients.keys import Key
from doorward.oauth.clients.secrets import is_secret_of
from doorward.oauth.errors import InvalidClient, InvalidRequest, Reason
from doorward.oauth.parameters import form_decode
from doorward.oauth.policy import Policy
from doorward.records.oauth import Client, ClientAuthMethod, SeenAssertion


@dataclass(frozen=True, slots=True)
class PresentedClient:
    """The identity that the caller claims, and its credentials; nothing is verified yet."""

    client_id: str
    client_secret: str | None = field(repr=False)
    method: ClientAuthMethod
    assertion: Assertion | None = None


def presented_client(authorization: str | None, form: Mapping[str, str]) -> PresentedClient:
    """Read the client's credentials from the header or the body.

    Raises:
        InvalidClient: no credentials at all, or a header that is not Basic or is malformed.
        InvalidRequest: credentials in both places, or two different client ids.

    Spec: RFC 6749 s2.3.1, RFC 7617 s2
    """
    if "client_assertion" in form:
        return _asserted(authorization, form)
    client_id, client_secret = form.get("client_id"), form.get("client_secret")
    if authorization is not None:
        basic_id, basic_secret = _basic(authorization)
        if client_secret is not None:
            raise InvalidRequest("The client authenticates in two ways. Use one.", Reason.TWO_CLIENT_AUTHENTICATIONS)
        if client_id not in (None, basic_id):
            raise InvalidRequest("client_id differs from that of the header.", Reason.CLIENT_ID_MISMATCH)
        # RFC 6749 s2.3.1 lets a client omit an empty secret; public clients of some libraries send it.
        return PresentedClient(basic_id, basic_secret or None, "client_secret_basic" if basic_secret else "none")
    if client_id is None:
        raise InvalidClient("client_id is missing.", Reason.UNKNOWN_CLIENT)
    return PresentedClient(client_id, client_secret, "none" if client_secret is None else "client_secret_post")


def authenticate(client: Client | None, presented: PresentedClient, *, now: int) -> Client:
    """Return the client if its credentials are right.

    Raises:
        InvalidClient: unknown, expired, wrong method, missing, unexpected or wrong secret.

    Spec: RFC 6749 s2.3, s5.2
    """
    client = _known(client, presented, now)
    if (presented.assertion is None) == (client.token_endpoint_auth_method == "private_key_jwt"):
        raise InvalidClient(
            f"This client registered {client.token_endpoint_auth_method}. Use it.", Reason.WRONG_AUTH_METHOD
        )
    if presented.assertion is not None:
        # `prove` checks its signature and single use, with keys that this function does not have.
        raise InvalidClient("Client assertions are not accepted at this endpoint.", Reason.WRONG_AUTH_METHOD)
    if client.token_endpoint_auth_method == "none":
        if presented.client_secret is not None:
            raise InvalidClient("This client has no secret, yet sent one.", Reason.UNEXPECTED_SECRET)
        return client
    if presented.client_secret is None:
        raise InvalidClient("The client secret is missing.", Reason.MISSING_SECRET)
    if presented.method != client.token_endpoint_auth_method and not client.auth_method_defaulted:
        raise InvalidClient(
            f"This client registered {client.token_endpoint_auth_method}. Use it.", Reason.WRONG_AUTH_METHOD
        )
    if not is_secret_of(client, presented.client_secret, now=now):
        raise InvalidClient("The client secret is wrong.", Reason.WRONG_SECRET)
    return client


def prove(
    client: Client | None, presented: PresentedClient, *, keys: Iterable[Key], now: int, policy: Policy
) -> tuple[Client, SeenAssertion]:
    """Return the client that an assertion authenticates, and the record that makes the assertion single-use.

    Raises:
        InvalidClient: unknown, expired, another method, or an assertion that is not valid.

    Spec: RFC 7523 s3
    """
    client = _known(client, presented, now)
    if presented.assertion is None or client.token_endpoint_auth_method != "private_key_jwt":
        raise InvalidClient(
            f"This client registered {client.token_endpoint_auth_method}. Use it.", Reason.WRONG_AUTH_METHOD
        )
    return client, check_assertion(presented.assertion, client=client, keys=keys, now=now, policy=policy)


def _known(client: Client | None, presented: PresentedClient, now: int) -> Client:
    if client is None or client.client_id != presented.client_id:
        raise InvalidClient("The client is not known here. Register again.", Reason.UNKNOWN_CLIENT)
    if client.expires_at is not None and client.expires_at <= now:
        raise InvalidClient("The client's registration has expired. Register again.", Reason.EXPIRED_CLIENT)
    return client


def _asserted(authorization: str | None, form: Mapping[str, str]) -> PresentedClient:
    if authorization is not None or "client_secret" in form:
        raise InvalidRequest("The client authenticates in two ways. Use one.", Reason.TWO_CLIENT_AUTHENTICATIONS)
    assertion = read_assertion(form.get("client_assertion_type"), form["client_assertion"])
    if form.get("client_id", assertion.client_id) != assertion.client_id:
        raise InvalidRequest("client_id differs from that of client_assertion.", Reason.CLIENT_ID_MISMATCH)
    return PresentedClient(assertion.client_id, None, "private_key_jwt", assertion)


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("The Authorization header is not Basic.", Reason.WRONG_AUTH_METHOD)
    try:
        decoded = b64decode(credentials.strip(), validate=True)
        client_id, colon, client_secret = decoded.partition(b":")
        pair = form_decode(client_id), form_decode(client_secret)
    except (Base64Error, ValueError, InvalidRequest):
        colon, pair = b"", ("", "")
    if not colon or not pair[0]:
        raise InvalidClient("The Basic credentials are malformed.", Reason.MALFORMED_CLIENT_AUTHENTICATION)
    return pair
