"""Verdicts of the authorization server and the protected resource: one class per registered error code.

The wire sees `error` and `description`; `reason` stays inside, for logs, metrics and tests. An error of the
authorization endpoint is one of two types, so that an unsafe redirect cannot be written without a type error:
`LocalAuthorizationError` while the redirect target is not trusted, `RedirectAuthorizationError` afterwards.

Implements RFC 6749 s4.1.2.1 and s5.2, RFC 6750 s3.1, RFC 7591 s3.2.2, RFC 8707 s2, RFC 9101 s7 and OpenID Connect
Core s3.1.2.6 as vocabulary. Knows nothing of HTTP beyond the status each code is answered with.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Literal

from doorward.errors import DoorwardError
from doorward.oauth.authorization.response import location

_OUTSIDE_DESCRIPTION = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")


class Reason(StrEnum):
    """Why, precisely. Never sent to a client."""

    MALFORMED_REQUEST = "malformed_request"
    MEDIA_TYPE = "media_type"
    TOO_LARGE = "too_large"
    REPEATED_PARAMETER = "repeated_parameter"
    MISSING_PARAMETER = "missing_parameter"
    MALFORMED_SCOPE = "malformed_scope"
    UNKNOWN_SCOPE = "unknown_scope"
    WIDER_SCOPE = "wider_scope"
    FOREIGN_RESOURCE = "foreign_resource"
    MISSING_RESOURCE = "missing_resource"
    MALFORMED_CHALLENGE = "malformed_challenge"
    CHALLENGE_METHOD = "challenge_method"
    MALFORMED_VERIFIER = "malformed_verifier"
    WRONG_VERIFIER = "wrong_verifier"
    UNKNOWN_CLIENT = "unknown_client"
    EXPIRED_CLIENT = "expired_client"
    MALFORMED_CLIENT_AUTHENTICATION = "malformed_client_authentication"
    TWO_CLIENT_AUTHENTICATIONS = "two_client_authentications"
    CLIENT_ID_MISMATCH = "client_id_mismatch"
    WRONG_AUTH_METHOD = "wrong_auth_method"
    MISSING_SECRET = "missing_secret"
    UNEXPECTED_SECRET = "unexpected_secret"
    WRONG_SECRET = "wrong_secret"
    MALFORMED_REDIRECT_URI = "malformed_redirect_uri"
    UNSAFE_REDIRECT_URI = "unsafe_redirect_uri"
    OWN_REDIRECT_URI = "own_redirect_uri"
    REDIRECT_HOST = "redirect_host"
    MISSING_REDIRECT_URI = "missing_redirect_uri"
    UNREGISTERED_REDIRECT_URI = "unregistered_redirect_uri"
    WRONG_REDIRECT_URI = "wrong_redirect_uri"
    MALFORMED_METADATA = "malformed_metadata"
    UNSUPPORTED_METADATA = "unsupported_metadata"
    RESPONSE_TYPE = "response_type"
    RESPONSE_MODE = "response_mode"
    REQUEST_OBJECT = "request_object"
    PROMPT_NONE = "prompt_none"
    UNKNOWN_REQUEST = "unknown_request"
    OTHER_BROWSER = "other_browser"
    FOREIGN_FORM = "foreign_form"
    REQUEST_EXPIRED = "request_expired"
    REQUEST_FINISHED = "request_finished"
    OTHER_USER = "other_user"
    USER_ENDED = "user_ended"
    DENIED_BY_USER = "denied_by_user"
    GRANT_TYPE = "grant_type"
    GRANT_TYPE_NOT_REGISTERED = "grant_type_not_registered"
    UNKNOWN_CODE = "unknown_code"
    FOREIGN_CODE = "foreign_code"
    EXPIRED_CODE = "expired_code"
    REPLAYED_CODE = "replayed_code"
    UNKNOWN_REFRESH_TOKEN = "unknown_refresh_token"
    FOREIGN_REFRESH_TOKEN = "foreign_refresh_token"
    EXPIRED_REFRESH_TOKEN = "expired_refresh_token"
    REUSED_REFRESH_TOKEN = "reused_refresh_token"
    PUBLIC_CLIENT = "public_client"
    NO_SERVICE_ACCOUNT = "no_service_account"
    SUBJECT_TOKEN = "subject_token"
    ACTOR_TOKEN = "actor_token"
    TOKEN_TYPE = "token_type"
    MAY_NOT_EXCHANGE = "may_not_exchange"
    ACTOR_CHAIN = "actor_chain"
    ASSERTION_MALFORMED = "assertion_malformed"
    ASSERTION_TYPE = "assertion_type"
    ASSERTION_ALGORITHM = "assertion_algorithm"
    ASSERTION_HEADER = "assertion_header"
    ASSERTION_KEY = "assertion_key"
    ASSERTION_SIGNATURE = "assertion_signature"
    ASSERTION_ISSUER = "assertion_issuer"
    ASSERTION_AUDIENCE = "assertion_audience"
    ASSERTION_SUBJECT = "assertion_subject"
    ASSERTION_CLIENT = "assertion_client"
    ASSERTION_RESOURCE = "assertion_resource"
    ASSERTION_EXPIRED = "assertion_expired"
    ASSERTION_EARLY = "assertion_early"
    ASSERTION_LIFETIME = "assertion_lifetime"
    ASSERTION_CLAIM = "assertion_claim"
    ASSERTION_CONSTRAINED = "assertion_constrained"
    ASSERTION_REPLAYED = "assertion_replayed"
    CLIENT_CHANGED = "client_changed"
    CLIENT_KEYS_UNAVAILABLE = "client_keys_unavailable"
    METADATA_DOCUMENT_HOST = "metadata_document_host"
    METADATA_DOCUMENT_UNAVAILABLE = "metadata_document_unavailable"
    REGISTRATION_TOKEN = "registration_token"
    REGISTRATION_POLICY = "registration_policy"
    TOKEN_POLICY = "token_policy"
    MANAGEMENT_TOKEN = "management_token"
    UNKNOWN_USER = "unknown_user"
    AUTHORIZATION_PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    UNKNOWN_DEVICE_CODE = "unknown_device_code"
    FOREIGN_DEVICE_CODE = "foreign_device_code"
    EXPIRED_DEVICE_CODE = "expired_device_code"
    REPLAYED_DEVICE_CODE = "replayed_device_code"
    UNKNOWN_USER_CODE = "unknown_user_code"
    REPLY_LOST = "reply_lost"
    GRANT_ENDED = "grant_ended"
    NO_TOKEN = "no_token"
    MALFORMED_TOKEN = "malformed_token"
    UNKNOWN_TOKEN = "unknown_token"
    EXPIRED_TOKEN = "expired_token"
    WRONG_RESOURCE = "wrong_resource"
    MISSING_SCOPE = "missing_scope"
    TOKEN_VERIFIER = "token_verifier"
    MISSING_PROOF = "missing_proof"
    MALFORMED_PROOF = "malformed_proof"
    PROOF_ALGORITHM = "proof_algorithm"
    PROOF_KEY = "proof_key"
    PROOF_SIGNATURE = "proof_signature"
    PROOF_TARGET = "proof_target"
    PROOF_TIME = "proof_time"
    PROOF_TOKEN = "proof_token"
    PROOF_NONCE = "proof_nonce"
    REPLAYED_PROOF = "replayed_proof"
    FOREIGN_KEY = "foreign_key"
    UNPROVED_TOKEN = "unproved_token"
    UNKNOWN_REQUEST_URI = "unknown_request_uri"
    NOT_PUSHED = "not_pushed"
    NOT_AUTHENTICATED = "not_authenticated"
    RATE_LIMITED = "rate_limited"
    SIGN_IN_SLOWED = "sign_in_slowed"
    WRONG_PASSWORD = "wrong_password"
    ADMINISTRATION_TOKEN = "administration_token"
    MISSING_CAPABILITY = "missing_capability"
    INTERNAL = "internal"


def plain_description(text: str) -> str:
    """Return the text with nothing in it that a description cannot have. Spec: RFC 6749 s5.2."""
    return _OUTSIDE_DESCRIPTION.sub("?", text.replace('"', "'"))


class OAuthError(DoorwardError):
    """A refusal by the authorization server."""

    error: str = "invalid_request"
    """The registered code, as on the wire."""
    status: int = 400

    def __init__(self, description: str, reason: Reason) -> None:
        self.description = plain_description(description)
        """Safe for the client: what was wrong and what to do. Spec: RFC 6749 s5.2."""
        self.reason = reason
        super().__init__(self.description)


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated, malformed or not allowed here."""

    error = "invalid_request"


class InvalidClient(OAuthError):
    """Client authentication failed, or the client is unknown: it should register again."""

    error = "invalid_client"
    status = 401


class InvalidGrant(OAuthError):
    """The code or refresh token is unknown, spent, expired, ended, or another client's."""

    error = "invalid_grant"


class UnauthorizedClient(OAuthError):
    """The client did not register for this grant or response type."""

    error = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """The token endpoint does not serve this `grant_type`."""

    error = "unsupported_grant_type"


class InvalidScope(OAuthError):
    """The scope is malformed, unknown or wider than what was granted."""

    error = "invalid_scope"


class InvalidTarget(OAuthError):
    """The resource is unknown, or is not the one that was granted. Spec: RFC 8707 s2."""

    error = "invalid_target"


class AccessDenied(OAuthError):
    """The user said no."""

    error = "access_denied"


class AuthorizationPending(OAuthError):
    """The user has not decided yet; the device asks again later. Spec: RFC 8628 s3.5."""

    error = "authorization_pending"


class SlowDown(OAuthError):
    """The device asked too soon and must wait five seconds longer from now on. Spec: RFC 8628 s3.5."""

    error = "slow_down"


class ExpiredDeviceCode(OAuthError):
    """The user did not decide in time; the device must start again. Spec: RFC 8628 s3.5."""

    error = "expired_token"


class UnsupportedResponseType(OAuthError):
    """Only `code` is served."""

    error = "unsupported_response_type"


class InvalidClientMetadata(OAuthError):
    """A field of a registration cannot be used. Spec: RFC 7591 s3.2.2."""

    error = "invalid_client_metadata"


class InvalidToken(OAuthError):
    """The token for registration or its management is missing or wrong. Spec: RFC 7592 s2, RFC 6750 s3.1."""

    error = "invalid_token"
    status = 401


class InsufficientScope(OAuthError):
    """The token is valid, but lacks a scope of this operation. Spec: RFC 6750 s3.1."""

    error = "insufficient_scope"
    status = 403


class InvalidRedirectUri(OAuthError):
    """A redirect URI of a registration cannot be used. Spec: RFC 7591 s3.2.2."""

    error = "invalid_redirect_uri"


class InteractionRequired(OAuthError):
    """The client asked for no page, but consent always needs one. Spec: OpenID Connect Core s3.1.2.6."""

    error = "interaction_required"


class RequestNotSupported(OAuthError):
    """Request objects are not served. Spec: RFC 9101 s7."""

    error = "request_not_supported"


class RequestUriNotSupported(OAuthError):
    """Request objects by reference are not served. Spec: RFC 9101 s7."""

    error = "request_uri_not_supported"


class InvalidDpopProof(OAuthError):
    """The proof does not show that the sender holds the key, here and now. Spec: RFC 9449 s5."""

    error = "invalid_dpop_proof"


class UseDpopNonce(OAuthError):
    """The proof must carry a nonce of ours; the response brings one. Spec: RFC 9449 s8."""

    error = "use_dpop_nonce"

    def __init__(self, nonce: str) -> None:
        super().__init__("The DPoP proof must carry the nonce that came with this answer.", Reason.PROOF_NONCE)
        self.nonce = nonce


class LocalAuthorizationError(OAuthError):
    """The redirect target is not trusted: show a page, never redirect. Spec: RFC 6749 s4.1.2.1."""

    error = "invalid_request"


class TooManyRequests(OAuthError):
    """A rate limit was reached; no credential was checked, so this says nothing about one. Spec: RFC 6585 s4."""

    error = "too_many_requests"
    status = 429

    def __init__(self, retry_after_seconds: int, *, reason: Reason = Reason.RATE_LIMITED) -> None:
        super().__init__(f"Too many requests. Try again in {retry_after_seconds} s.", reason)
        self.retry_after_seconds = retry_after_seconds


class RedirectAuthorizationError(OAuthError):
    """The redirect target is trusted: the client gets the error there. Spec: RFC 6749 s4.1.2.1, RFC 9207 s2."""

    status = 303

    def __init__(self, cause: OAuthError, *, redirect_uri: str, state: str | None, issuer: str) -> None:
        super().__init__(cause.description, cause.reason)
        self.error = cause.error
        self.redirect_uri = redirect_uri
        self.state = state
        self.issuer = issuer
        self.is_automatic = True
        """False: show the person the address first. Spec: RFC 9700 s4.11.2"""

    def location(self) -> str:
        """Build the `Location` that carries this error back to the client."""
        return location(
            self.redirect_uri,
            error=self.error,
            error_description=self.description,
            state=self.state,
            iss=self.issuer,
        )


class BearerError(DoorwardError):
    """A refusal by the protected resource. Spec: RFC 6750 s3."""

    def __init__(
        self,
        reason: Reason,
        description: str = "",
        *,
        status: int = 401,
        error: str | None = "invalid_token",
        scopes: tuple[str, ...] = (),
        scheme: Literal["Bearer", "DPoP"] = "Bearer",
    ) -> None:
        self.reason = reason
        self.scheme = scheme
        """The scheme by which the token was presented. Spec: RFC 9449 s7.1."""
        self.description = plain_description(description)
        self.status = status
        self.error = error
        """The registered code; None if no token was sent, because the challenge must then name no error."""
        self.scopes = scopes
        """Every scope the operation needs; empty when the scopes are not at fault."""
        self.nonce: str | None = None
        """The nonce that the next DPoP proof must carry, if the response has to name one. Spec: RFC 9449 s8.2, s9."""
        super().__init__(self.description or reason)
