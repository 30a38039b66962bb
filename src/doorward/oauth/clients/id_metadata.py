"""Client ID Metadata Documents: a `client_id` that is a URL, and what the document at that URL may contain.

A document speaks only for its own client: it must name its own URL, holds no secret, and cannot give the client more
than any unknown client gets. Which scopes and resources exist is for the door to say.

Implements OAuth Client ID Metadata Document (draft 02) s3 and s4, MCP authorization "Client ID Metadata Documents".
Does not know how a document is fetched or cached.
"""

from __future__ import annotations

from dataclasses import dataclass

from doorward.oauth.clients.host_patterns import host_is_accepted
from doorward.oauth.clients.keys import read_jwks_uri, refuse_secrets
from doorward.oauth.clients.metadata import ClientMetadata, read_metadata
from doorward.oauth.errors import InvalidClientMetadata, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.uris import InvalidUri, parse_http
from doorward.strict_json import InvalidJson, decode

URL_LIMIT_CHARS = 1024
_SCHEME = "https://"
_METHODS = ("none", "private_key_jwt")
_SECRETS = ("client_secret", "client_secret_expires_at")


@dataclass(frozen=True, slots=True)
class Document:
    """The checked contents of a metadata document."""

    metadata: ClientMetadata
    jwks_uri: str | None


def is_document_url(client_id: str) -> bool:
    """Return whether the id is a URL of a document; ids that this server issues never are."""
    return client_id.startswith(_SCHEME)


def check_document_url(client_id: str, *, policy: Policy) -> str:
    """Return the host of a `client_id` whose document may be fetched.

    Raises:
        InvalidClientMetadata: it is not such a URL, or its host is not accepted here.

    Spec: OAuth Client ID Metadata Document s3
    """
    try:
        parsed = parse_http(client_id)
    except InvalidUri as error:
        raise _unusable(f"The client_id is not a usable URL. {error}") from None
    host = (parsed.host or "").lower()
    if parsed.path in {"", "/"} or len(client_id) > URL_LIMIT_CHARS:
        raise _unusable("The client_id is a URL without a path, or too long a one.")
    if not host_is_accepted(host, policy.metadata_document_hosts):
        raise InvalidClientMetadata(
            f"Applications described at {host} are not accepted here.", Reason.METADATA_DOCUMENT_HOST
        )
    return host


def read_document(body: bytes, *, client_id: str, policy: Policy) -> Document:
    """Check the bytes of a document.

    Raises:
        InvalidRedirectUri: `redirect_uris` is missing, or one of them cannot be used.
        InvalidClientMetadata: another member cannot be used.

    Spec: OAuth Client ID Metadata Document s4.1
    """
    try:
        said = decode(body)
    except InvalidJson as error:
        raise InvalidClientMetadata(str(error), Reason.MALFORMED_METADATA) from None
    if not isinstance(said, dict):
        raise InvalidClientMetadata("The document is not a JSON object.", Reason.MALFORMED_METADATA)
    if said.get("client_id") != client_id:
        raise _unusable("The document names another client_id than its own URL.")
    if any(said.get(name) is not None for name in _SECRETS):
        raise _unusable("The document holds a client secret, which everybody can read.")
    if not isinstance(said.get("client_name"), str) or not said["client_name"].strip():
        raise _unusable("The document has no client_name.")
    method = said.get("token_endpoint_auth_method") or "none"
    if method not in _METHODS:
        raise _unusable("token_endpoint_auth_method of a document must be none or private_key_jwt.")
    if isinstance(said.get("jwks"), dict):
        refuse_secrets(said["jwks"].get("keys"))
    metadata = read_metadata({**said, "token_endpoint_auth_method": method}, policy=policy)
    jwks_uri = read_jwks_uri(said.get("jwks_uri"))
    if method == "private_key_jwt" and (metadata.jwks is None) == (jwks_uri is None):
        raise _unusable("A document with private_key_jwt has its keys in jwks or at jwks_uri, one of the two.")
    return Document(metadata, jwks_uri)


def _unusable(description: str) -> InvalidClientMetadata:
    return InvalidClientMetadata(description, Reason.UNSUPPORTED_METADATA)
