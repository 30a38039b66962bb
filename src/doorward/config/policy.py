"""What the decisions of `oauth/` need of the settings: the policy, and each door as a resource."""

from __future__ import annotations

from doorward.config.addresses import issuer_of
from doorward.config.model import Config, DoorSettings
from doorward.oauth.operation_scopes import further_scopes
from doorward.oauth.policy import Policy, Resource, by_uri
from doorward.oauth.tokens.opaque import digest
from doorward.paths import url_of

_MINUTE = 60
_DAY = 86_400


def resource_of(config: Config, door: DoorSettings | None = None) -> Resource:
    """Return a door, or the first one, as a resource of the authorization server."""
    door = door or config.doors[0]
    return Resource(
        uri=url_of(issuer_of(config), door.path.removesuffix("/")),
        name=door.name,
        scopes=door.scopes,
        operation_scopes=operation_scopes(door),
        title=door.title,
        takes_access_tokens=door.auth == "oauth",
        is_named_by_path=door.source == "flat",
    )


def policy_of(config: Config) -> Policy:
    """Return the policy derived from the settings: the public URL determines issuer and resources."""
    # A door without authentication has no tokens. If no door has any, their URLs are still this server's.
    with_tokens = [each for each in config.doors if each.auth != "none"] or config.doors
    return Policy(
        issuer=issuer_of(config),
        resources=by_uri(*(resource_of(config, each) for each in with_tokens)),
        default_door=config.default_door,
        device_grant=config.device_grant,
        trusted_issuers=config.trusted_issuers,
        registration=config.registration,
        registration_tokens=frozenset(map(digest, (config.registration_token or "").split())),
        unused_clients_limit=config.unused_clients_limit,
        registration_redirect_hosts=config.registration_redirect_hosts,
        other_hosts=config.allowed_hosts,
        metadata_document_hosts=config.metadata_document_hosts,
        metadata_document_limit_bytes=config.metadata_document_limit_bytes,
        remember_consent=config.remember_consent,
        end_older_grants=config.end_older_grants,
        access_token_format=config.access_token_format,
        access_token_seconds=config.access_token_minutes * _MINUTE,
        refresh_idle_seconds=config.refresh_idle_days * _DAY,
        grant_absolute_seconds=config.grant_days * _DAY,
        refresh_replay_seconds=config.refresh_repeat_seconds,
        require_par=config.require_par,
        require_dpop=config.require_dpop,
        dpop_nonce_required=config.dpop_nonce == "required",
    )


def operation_scopes(door: DoorSettings) -> tuple[str, ...]:
    """Return the scopes that only some operations need, and the broader ones that imply them."""
    broader = {name: (name,) for name in door.scope_implies}
    return further_scopes(door.scopes, door.tool_scopes, door.method_scopes, broader, door.scope_implies)
