"""Client authentication at the token and revocation endpoints: none, Basic, or a secret in the body.

The registered method is enforced. A client that did not choose one when it registered may send its secret by Basic
or in the body, because such clients do not know which they will use. Whoever registered without a secret and sends
one is refused: it is confused about which client it is.

Implements RFC 6749 s2.3 and RFC 7591 s2. Does not know endpoints; the caller loads the client.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest

from doorward.oauth.errors import InvalidClient, InvalidRequest, Reason
from doorward.oauth.parameters import form_decode
from doorward.oauth.records import Client, ClientAuthMethod
from doorward.oauth.tokens import digest


@dataclass(frozen=True, slots=True)
class PresentedClient:
    """Who the caller says it is; nothing of it is proved yet."""

    client_id: str
    client_secret: str | None = field(repr=False)
    method: ClientAuthMethod


def presented_client(authorization: str | None, form: Mapping[str, str]) -> PresentedClient:
    """Read the client's credentials from the header or the body.

    Raises:
        InvalidClient: none at all, or a header that is not Basic or malformed.
        InvalidRequest: credentials in both places, or two different client ids.

    Spec: RFC 6749 s2.3.1, RFC 7617 s2
    """
    if "client_assertion" in form:
        raise InvalidClient("Client assertions are not accepted here.", Reason.WRONG_AUTH_METHOD)
    client_id, client_secret = form.get("client_id"), form.get("client_secret")
    if authorization is not None:
        basic_id, basic_secret = _basic(authorization)
        if client_secret is not None:
            raise InvalidRequest("The client authenticates in two ways. Use one.", Reason.TWO_CLIENT_AUTHENTICATIONS)
        if client_id not in (None, basic_id):
            raise InvalidRequest("client_id differs from that of the header.", Reason.CLIENT_ID_MISMATCH)
        # RFC 6749 s2.3.1 lets an empty secret stand for none; public clients of some libraries send it so.
        return PresentedClient(basic_id, basic_secret or None, "client_secret_basic" if basic_secret else "none")
    if client_id is None:
        raise InvalidClient("client_id is missing.", Reason.UNKNOWN_CLIENT)
    return PresentedClient(client_id, client_secret, "none" if client_secret is None else "client_secret_post")


def authenticate(client: Client | None, presented: PresentedClient, *, now: int) -> Client:
    """Return the client once it has proved to be the one it says.

    Raises:
        InvalidClient: unknown, expired, wrong method, missing, unexpected or wrong secret.

    Spec: RFC 6749 s2.3, s5.2
    """
    if client is None or client.client_id != presented.client_id:
        raise InvalidClient("The client is not known here. Register again.", Reason.UNKNOWN_CLIENT)
    if client.expires_at is not None and client.expires_at <= now:
        raise InvalidClient("The client's registration has expired. Register again.", Reason.EXPIRED_CLIENT)
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
    # A record without a digest must never match, whatever is sent.
    if client.secret_digest is None or not compare_digest(digest(presented.client_secret), client.secret_digest):
        raise InvalidClient("The client secret is wrong.", Reason.WRONG_SECRET)
    return client


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
