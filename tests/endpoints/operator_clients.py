"""Clients that an operator registers for grants without a browser, and what they send."""

from __future__ import annotations

import msgspec
from oauth.grants.id_jags import IDP, KEYS, Place, claims, header, signed
from world import ISSUER, RESOURCE

from doorward.directory.accounts import add_user
from doorward.directory.clients import add_client
from doorward.oauth.clients.new_client import NewClient
from doorward.oauth.grant_types import CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE
from doorward.oauth.grants.token_exchange import ACCESS_TOKEN_TYPE
from doorward.oauth.trusted_issuers import TrustedIssuer
from doorward.records.changes import Replace
from doorward.records.oauth import Client

TRUSTED = TrustedIssuer(issuer=IDP, keys=KEYS)


async def operator_client(w, *grants, redirect_uris=(), confidential=True, **given):
    """Register a client as an operator does; returns its id and secret as the token endpoint wants them."""
    new = await add_client(
        w.door.store,
        w.clock,
        w.door.entropy,
        NewClient(
            client_name="Robot", redirect_uris=redirect_uris, confidential=confidential, grant_types=grants, **given
        ),
        policy=w.door.policy,
    )
    secret = {"client_secret": new.client_secret} if new.client_secret else {}
    return {"client_id": new.client.client_id, **secret}


async def set_client(w, client_id, **changes):
    stored = await w.door.store.get(Client, client_id)
    await w.door.store.apply([Replace(msgspec.structs.replace(stored.record, **changes), stored.version)])


async def service_client(w, **given):
    await add_user(w.door.store, w.clock, "robot", kind="service", password=None)
    return await operator_client(w, CLIENT_CREDENTIALS, service_user_id="robot", **given)


async def credentials(w, client, **form):
    return await w.token(grant_type=CLIENT_CREDENTIALS, **client, **form)


async def exchanged(w, client, token, **form):
    subject = {"subject_token": token, "subject_token_type": ACCESS_TOKEN_TYPE}
    return await w.token(grant_type=TOKEN_EXCHANGE, **client, **(subject | form))


def assertion(w, client, **changes):
    return signed(header(), claims(Place(ISSUER, RESOURCE, client["client_id"], w.clock.now()), **changes))


async def asserted(w, client, text, **form):
    return await w.token(grant_type=JWT_BEARER, assertion=text, **client, **form)


async def other_with_user_token(w, **given):
    """Return a client that may exchange, and a user's token that another client has."""
    public = (await w.register())["client_id"]
    tokens = (await w.redeem(public, await w.code(public))).json()
    return await operator_client(w, TOKEN_EXCHANGE, **given), tokens
