"""The token endpoint: which grants a client may use, and how it must prove who it is."""

from __future__ import annotations

import base64
from urllib.parse import quote

import httpx2
import pytest
from endpoints.operator_clients import (
    TRUSTED,
    asserted,
    operator_client,
    service_client,
)
from oauth.given import Wrapping
from oauth.grants.id_jags import EC, IDP, header, signed
from world import ISSUER, world

from doorward.authority.authority import Authority
from doorward.edge.frame import guarded, json_response
from doorward.endpoints.token import GRANTS, TokenEndpoint
from doorward.oauth.grant_types import CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE
from doorward.oauth.tokens.reply import Redemption
from doorward.records.oauth import Client


@pytest.mark.parametrize("grant", [CLIENT_CREDENTIALS, TOKEN_EXCHANGE, JWT_BEARER])
async def test_nobody_registers_themselves_for_these_grants(tmp_path, grant):
    async with world(tmp_path, trusted_issuers=(TRUSTED,)) as w:
        client = await w.register(
            grant_types=["authorization_code", grant], token_endpoint_auth_method="client_secret_post"
        )
        assert grant not in client["grant_types"]
        mine = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
        refused = await w.token(grant_type=grant, **mine)
        assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


def basic(text):
    return {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


ASSERTED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def unproved(client_id, secret):
    """Return requests that a confidential client's id alone, or a wrong proof, must not get past."""
    known = {"client_id": client_id}
    wrong = ["", " ", "x", secret[:-1], secret + "x", secret.upper(), f" {secret}", f"{secret} ", "null", "None", "%00"]
    headers = ["Basic", "Basic ", "Basic !!!", "Basic YTpi YTpi", "Bearer abc", "Digest username=x", "Basic ="]
    headers += [f"Bearer {secret}", f"Basic {secret}", f"basic {base64.b64encode(client_id.encode()).decode()}"]
    others = ["x", client_id.upper(), f"{client_id} "]
    return [
        (known, {}),
        ({}, {}),
        ({"client_id": ""}, {}),
        ({"client_secret": secret}, {}),
        *((known | {"client_secret": each}, {}) for each in wrong),
        *(({}, basic(f"{client_id}:{quote(each)}")) for each in wrong),
        *(({"client_id": each, "client_secret": secret}, {}) for each in others),
        *((known, {"authorization": each}) for each in headers),
        ({"client_assertion": "x.y.z", "client_assertion_type": ASSERTED}, {}),
        (known | {"client_assertion": "x.y.z"}, {}),
        (known | {"client_assertion": secret, "client_assertion_type": "secret"}, {}),
    ]


async def let_through(http, url, grant, shapes):
    """Return the shapes that did not end in 401 `invalid_client`."""
    passed = []
    for form, headers in shapes:
        answer = await http.post(url, data={"grant_type": grant, "assertion": "a.b.c", **form}, headers=headers)
        if (answer.status_code, answer.json()["error"] if answer.status_code != 200 else "") != (401, "invalid_client"):
            passed.append((form, headers, answer.status_code))
    return passed


@pytest.mark.parametrize("grant", [CLIENT_CREDENTIALS, TOKEN_EXCHANGE, JWT_BEARER])
@pytest.mark.requirement("T-05")
async def test_forty_ways_to_skip_client_authentication_all_end_in_401(tmp_path, grant):
    async with world(tmp_path, trusted_issuers=(TRUSTED,)) as w, w.browser() as http:
        client = await service_client(w)
        shapes = unproved(client["client_id"], client["client_secret"])
        assert len(shapes) >= 40
        assert await let_through(http, "/token", grant, shapes) == []


class BelievesTheId(TokenEndpoint):
    """A weak endpoint: naming a client is enough to be treated as it."""

    async def __call__(self, request):
        form = {"client_id": (await request.form()).get("client_id", "")}
        stored = await self.authority.store.get(Client, form["client_id"])
        if stored is None:
            return await super().__call__(request)
        authority, minted = self.authority, self._minted(None)
        believed = Redemption(form, stored, authority.clock.now(), minted, authority.sealing, authority.policy)
        decision = await GRANTS[CLIENT_CREDENTIALS](authority, believed)
        return json_response(decision.reply.body)


@pytest.mark.requirement("T-05", weak=True)
async def test_the_check_of_client_authentication_finds_an_endpoint_that_believes_the_id(tmp_path):
    async with world(tmp_path) as w:
        client = await service_client(w)
        door = w.door
        weak = BelievesTheId(Authority(door.policy, door.store, door.clock, door.entropy, Wrapping(), None, None))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(guarded(weak)), base_url=ISSUER) as http:
            passed = await let_through(
                http, "/token", CLIENT_CREDENTIALS, unproved(client["client_id"], client["client_secret"])
            )
        assert ({"client_id": client["client_id"]}, {}, 200) in passed


async def test_without_a_trusted_issuer_the_grant_does_not_exist(tmp_path):
    async with world(tmp_path) as w:
        client = await operator_client(w, JWT_BEARER)
        refused = await asserted(w, client, signed(header(), {"iss": IDP}, EC))
        assert refused.json()["error"] == "unsupported_grant_type"
