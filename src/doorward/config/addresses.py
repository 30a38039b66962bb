"""Addresses derived from the settings: the issuer, which is the public URL, and the URL of each door."""

from __future__ import annotations

from doorward.config.model import Config, DoorSettings
from doorward.paths import url_of

_UNSPELLED_PORTS = (0, 80)
"""Ports left out of an address: 80 is http's default, and 0 is any free port, known only after binding."""


def issuer_of(config: Config, *, port: int | None = None) -> str:
    """Return the public URL, where clients reach the doors; `port` is the bound port, if it is known."""
    if config.public_url:
        return config.public_url
    host = f"[{config.host}]" if ":" in config.host else config.host
    number = config.port if port is None else port
    return f"http://{host.lower()}" if number in _UNSPELLED_PORTS else f"http://{host.lower()}:{number}"


def mcp_url(config: Config, door: DoorSettings | None = None) -> str:
    """Return the URL of a door for clients; without a door, that of the default door, or of the first."""
    return url_of(issuer_of(config), (door or default_door(config)).path)


def default_door(config: Config) -> DoorSettings:
    """Return the door named by `default_door`, or the first one if it is not set."""
    return next((each for each in config.doors if each.name == config.default_door), config.doors[0])
