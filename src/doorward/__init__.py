"""Doorward: the front door for MCP servers.

>>> from doorward import Door
>>> app = Door(mcp.http_app(), public_url="https://mcp.example.com")  # an ASGI application
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doorward.errors import ConfigError, DoorwardError, StartError

if TYPE_CHECKING:
    from doorward.app import Door
    from doorward.hooks import OAuthFault
    from doorward.oauth.clients.registration_question import RegistrationRefused, RegistrationRequest
    from doorward.oauth.tokens.terms import TokenRefused, TokenRequest, TokenTerms
    from doorward.oauth.tokens.verified import CallRefused, VerifiedToken

__all__ = [
    "CallRefused",
    "ConfigError",
    "Door",
    "DoorwardError",
    "OAuthFault",
    "RegistrationRefused",
    "RegistrationRequest",
    "StartError",
    "TokenRefused",
    "TokenRequest",
    "TokenTerms",
    "VerifiedToken",
    "__version__",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load the application on first use, so that the command line starts fast."""
    if name == "Door":
        from doorward.app import Door

        return Door
    if name == "OAuthFault":
        from doorward.hooks import OAuthFault

        return OAuthFault
    if name in {"RegistrationRefused", "RegistrationRequest"}:
        from doorward.oauth.clients import registration_question

        return getattr(registration_question, name)
    if name in {"TokenRefused", "TokenRequest", "TokenTerms"}:
        from doorward.oauth.tokens import terms as token_terms

        return getattr(token_terms, name)
    if name in {"CallRefused", "VerifiedToken"}:
        from doorward.oauth.tokens import verified as verified_token

        return getattr(verified_token, name)
    raise AttributeError(f"module 'doorward' has no attribute {name!r}")
