"""Remembered consent: which scopes are new, when to skip the question, and which older grants to end.

A consent covers one user, client, redirect URI and resource. It counts only while the client's description is the one
the user agreed to. It skips the question only for a client that an operator registered, with a redirect URI on a host
of its own, in a sign-in that no other site's page started (confused deputy; CVE-2026-27124).

Implements RFC 6749 s10.2, RFC 8252 s8.6 and the confused deputy rules of MCP security best practices. Does not know
browsers, pages or stores.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from doorward.oauth.policy import Policy
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.reply import TokenReply
from doorward.oauth.tokens.revocation import end_grant
from doorward.oauth.uris import parse
from doorward.records.changes import Change, Decision, Insert, Replace, Stored
from doorward.records.oauth import AuthorizationCode, AuthorizationRequest, Client, Consent, Grant

SUPERSEDED = "superseded"
GRANTS_LIMIT = 16
"""How many grants a consent lists. The oldest drop off the list, but live until they expire or are revoked."""


def consent_id(*, user_id: str, client_id: str, redirect_uri: str, resource: str) -> str:
    """Return the key of a consent. Loopback ports are ignored: a desktop client listens on another one each time."""
    return digest(msgspec.json.encode((user_id, client_id, _place(redirect_uri), resource)).decode())


def description_digest(client: Client) -> str:
    """Return the digest of what the consent page says about the client."""
    shown = (client.client_name, sorted(client.redirect_uris), client.metadata.get("client_uri", ""))
    return digest(msgspec.json.encode(shown).decode())


def allowed_before(consent: Consent | None, client: Client, *, now: int) -> tuple[str, ...]:
    """Return the scopes that the user allowed earlier and that still count."""
    if consent is None or (consent.expires_at is not None and consent.expires_at <= now):
        return ()
    return consent.scopes if consent.description_digest == description_digest(client) else ()


def is_remembered(
    request: AuthorizationRequest,
    client: Client,
    consent: Consent | None,
    *,
    is_own_navigation: bool,
    now: int,
    policy: Policy,
) -> bool:
    """Return whether the consent page can be skipped.

    `is_own_navigation` describes this request. The stored request keeps how the flow started, because a sign-in in
    between makes a visit from another site look like one from our own page.
    """
    return (
        policy.remember_consent
        and client.source == "registered"
        and not is_on_this_device(request.redirect_uri)
        and request.is_own_navigation
        and is_own_navigation
        and set(request.scopes) <= set(allowed_before(consent, client, now=now))
    )


def is_on_this_device(redirect_uri: str) -> bool:
    """Return whether the redirect goes to a local program, whose identity can't be verified. Spec: RFC 8252 s8.6."""
    parsed = parse(redirect_uri)
    return parsed.scheme not in {"http", "https"} or parsed.names_this_machine


def with_consent(
    decision: Decision[str],
    request: AuthorizationRequest,
    client: Client,
    consent: Stored[Consent] | None,
    *,
    user_id: str,
    grant_id: str,
    now: int,
    policy: Policy,
) -> Decision[str]:
    """Add to an approval the record that the user agreed to these scopes, in addition to those that still count."""
    earlier = allowed_before(consent.record if consent else None, client, now=now)
    grants = consent.record.grant_ids if consent else ()
    given = Consent(
        consent_id=consent_id(
            user_id=user_id,
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            resource=request.resource,
        ),
        user_id=user_id,
        client_id=request.client_id,
        redirect_uri=request.redirect_uri,
        resource=request.resource,
        scopes=tuple(dict.fromkeys((*earlier, *request.scopes))),
        description_digest=description_digest(client),
        grant_ids=(*grants, grant_id)[-GRANTS_LIMIT:],
        created_at=consent.record.created_at if consent else now,
        given_at=now,
        expires_at=now + policy.grant_absolute_seconds,
    )
    change: Change = Insert(given) if consent is None else Replace(given, consent.version)
    return replace(decision, changes=(*decision.changes, change))


def may_supersede(code: Stored[AuthorizationCode] | None, *, policy: Policy) -> bool:
    """Return whether redeeming this code can end older grants.

    All of a person's computers share the id of a desktop client. If they ended each other's grants, each would ask for
    a sign-in in turn, forever. A hosted client is one place and keeps its latest tokens.
    """
    return (
        policy.end_older_grants
        and code is not None
        and code.record.redeemed_at is None
        and not is_on_this_device(code.record.redirect_uri)
    )


def superseding(
    decision: Decision[TokenReply], grant: Grant, older: Iterable[Stored[Grant]], *, now: int, policy: Policy
) -> Decision[TokenReply]:
    """Add to a redemption the changes that end the grants which the new one replaces.

    They end only now, when the client has its new tokens, so an approval that never arrived costs nothing. A grant
    younger than a sign-in may take stays: it belongs to another window of the same client.
    """
    if decision.reply.error is not None:
        return decision
    horizon = grant.created_at - policy.authorization_request_seconds
    ended = (
        change
        for each in older
        if each.record.revoked_at is None and each.record.created_at <= horizon and _is_same_place(each.record, grant)
        for change in end_grant(each, reason=SUPERSEDED, now=now)
    )
    return replace(decision, changes=(*decision.changes, *ended))


def _is_same_place(older: Grant, newer: Grant) -> bool:
    return (older.user_id, older.client_id, older.redirect_uri, older.resource) == (
        newer.user_id,
        newer.client_id,
        newer.redirect_uri,
        newer.resource,
    )


def _place(redirect_uri: str) -> str:
    parsed = parse(redirect_uri)
    if not parsed.is_plain_loopback or parsed.port is None:
        return redirect_uri
    return redirect_uri.replace(f":{parsed.port}", "", 1)
