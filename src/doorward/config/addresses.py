"""The addresses that follow from the settings: the public origin, and the URL of the door under it."""

from __future__ import annotations

from doorward.config.model import Config
from doorward.oauth.policy import Policy

_HTTP_PORT = 80
"""Left out of a canonical address."""


def public_origin(config: Config, *, port: int | None = None) -> str:
    """Return the origin under which clients reach the door; `port` is the one really bound, where that is known."""
    if config.public_url:
        return config.public_url
    host = f"[{config.host}]" if ":" in config.host else config.host
    number = config.port if port is None else port
    return f"http://{host.lower()}" if number == _HTTP_PORT else f"http://{host.lower()}:{number}"


def mcp_url(config: Config, *, port: int | None = None) -> str:
    """Return the URL that a client is given."""
    return public_origin(config, port=port) + config.path


def policy_of(config: Config) -> Policy:
    """Return the policy that follows from the settings: one public URL decides issuer and resource."""
    return Policy(issuer=public_origin(config), resource=mcp_url(config), scopes=config.scopes)
