"""Lifetimes and limits of the authorization server, resolved: integers, in seconds, characters or items.

Knows nothing of where the values come from.
"""

from __future__ import annotations

from dataclasses import dataclass

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Policy:
    """What every decision is measured against."""

    issuer: str
    """Canonical, without a last slash; byte-equal wherever it is published."""
    resource: str
    """Canonical URI of the door, without a last slash; the audience of every access token."""
    scopes: tuple[str, ...]
    """Every scope of the door, in the order they are published."""

    authorization_request_seconds: int = 600
    """How long sign-in and consent may take."""
    code_seconds: int = 60
    code_replay_seconds: int = 10
    """Within this time after redemption an honest repeat gets the identical reply."""
    spent_code_seconds: int = _DAY
    """How long a redeemed code is remembered, so that a replay ends what it issued."""
    access_token_seconds: int = 3600
    refresh_idle_seconds: int = 30 * _DAY
    """A refresh token not used for this long expires."""
    refresh_replay_seconds: int = 30
    """Within this time after rotation a repeat gets the identical successor."""
    grant_absolute_seconds: int = 180 * _DAY
    """After this long the user is asked again, however often the tokens were refreshed."""
    unused_client_seconds: int = 7 * _DAY
    """A self-registered client that nobody granted anything expires after this long."""

    redirect_uris_limit: int = 20
    redirect_uri_limit_chars: int = 2048
    client_name_chars: int = 100
    """Longer names are cut, so that a consent page cannot be flooded."""
    metadata_limit_chars: int = 2048
    metadata_limit_fields: int = 40
    state_limit_chars: int = 8192
