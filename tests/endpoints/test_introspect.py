"""What introspection returns about a token, to which clients, and in which form."""

from __future__ import annotations

import base64
import json

import httpx2
import jwt
import pytest
from oauth.proofs import Holder
from storage.samples import least
from world import ISSUER, REDIRECT_URI, RESOURCE, VERIFIER, World, world

from doorward.directory.clients import add_client
from doorward.directory.header_tokens import NewHeaderToken, create_header_token
from doorward.oauth.clients.new_client import NewClient
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import Delete, Insert
from doorward.records.oauth import AccessToken, RefreshToken

JWT_TYPE = "application/token-introspection+jwt"
INACTIVE = {"active": False}


async def ask(w: World, token: str | None, client: dict | None, **headers: str) -> httpx2.Response:
    form = {} if token is None else {"token": token}
    if client is not None:
        form |= {name: client[name] for name in ("client_id", "client_secret") if name in client}
    async with w.browser() as http:
        return await http.post("/introspect", data=form, headers=headers)


async def confidential(w: World) -> dict:
    return await w.register(token_endpoint_auth_method="client_secret_post")


async def resource_server(w: World) -> dict:
    door = w.door
    new = await add_client(
        door.store,
        door.clock,
        door.entropy,
        NewClient(client_name="API", may_introspect=True),
        policy=door.policy,
    )
    return {"client_id": new.client.client_id, "client_secret": new.client_secret}


async def tokens_of(w: World, client: dict, **headers: str) -> dict:
    code = await w.code(client["client_id"])
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": REDIRECT_URI}
    form |= {name: client[name] for name in ("client_id", "client_secret") if name in client}
    async with w.browser() as http:
        answer = await http.post("/token", data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def basic(client_id: str, secret: str = "") -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


@pytest.mark.requirement("T-07")
@pytest.mark.parametrize(
    "credentials",
    [
        lambda public, secret, token: ({}, None),
        lambda public, secret, token: ({"client_id": public}, None),
        lambda public, secret, token: ({"client_id": secret}, None),
        lambda public, secret, token: ({"client_id": secret, "client_secret": "wrong"}, None),
        lambda public, secret, token: ({"client_id": secret, "client_secret": ""}, None),
        lambda public, secret, token: ({"client_id": "unknown", "client_secret": "x"}, None),
        lambda public, secret, token: ({}, basic(public)),
        lambda public, secret, token: ({}, basic(secret)),
        lambda public, secret, token: ({}, basic(secret, "wrong")),
        lambda public, secret, token: ({}, basic("unknown", "x")),
        lambda public, secret, token: ({}, "Bearer " + token),
        lambda public, secret, token: ({}, "Basic !"),
    ],
)
async def test_whoever_has_not_proved_who_they_are_learns_nothing(tmp_path, credentials):
    async with world(tmp_path) as w:
        public, secret = await w.register(), await confidential(w)
        own = (await tokens_of(w, public))["access_token"]
        form, authorization = credentials(public["client_id"], secret["client_id"], own)
        headers = {} if authorization is None else {"authorization": authorization}
        async with w.browser() as http:
            answer = await http.post("/introspect", data=form | {"token": own}, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"
        assert "active" not in answer.text
        # The same question with credentials gets an answer: nothing else kept it back.
        assert (await ask(w, own, secret)).json() == INACTIVE


@pytest.mark.requirement("A17")
async def test_a_client_learns_all_about_its_own_tokens(tmp_path):
    async with world(tmp_path) as w:
        client = await confidential(w)
        tokens = await tokens_of(w, client)
        now = w.clock.now()
        about = {
            "active": True,
            "scope": "mcp",
            "client_id": client["client_id"],
            "username": "owner",
            "sub": "owner",
            "aud": RESOURCE,
            "iss": ISSUER,
            "iat": now,
        }
        access = await ask(w, tokens["access_token"], client)
        assert access.json() == about | {"exp": now + 3600, "token_type": "Bearer"}
        assert access.headers["cache-control"] == "no-store"
        refresh = (await ask(w, tokens["refresh_token"], client, token_type_hint="access_token")).json()
        assert refresh == about | {"exp": now + 30 * 86_400}


@pytest.mark.requirement("A17")
async def test_another_client_s_token_looks_like_none(tmp_path):
    async with world(tmp_path) as w:
        client, other = await confidential(w), await confidential(w)
        tokens = await tokens_of(w, client)
        for token in (tokens["access_token"], tokens["refresh_token"], "dwa_unknown", "x" * 5000):
            assert (await ask(w, token, other)).json() == INACTIVE


@pytest.mark.requirement("A17")
async def test_a_resource_server_learns_about_every_token_that_could_be_sent_to_it(tmp_path):
    async with world(tmp_path) as w:
        server, client = await resource_server(w), await w.register()
        tokens = await tokens_of(w, client)
        assert (await ask(w, tokens["access_token"], server)).json()["client_id"] == client["client_id"]
        assert (await ask(w, tokens["refresh_token"], server)).json() == INACTIVE
        door = w.door
        made = {"name": "ci", "user_id": "owner", "scopes": ["mcp"], "lifetime_seconds": None}
        token, _ = await create_header_token(door.store, door.clock, door.entropy, NewHeaderToken(**made))
        about = (await ask(w, token, server)).json()
        assert (about["active"], about["sub"], about["scope"], about["aud"]) == (True, "owner", "mcp", RESOURCE)
        assert "exp" not in about
        assert (await ask(w, token, await confidential(w))).json() == INACTIVE


async def test_what_has_ended_is_not_active(tmp_path):
    async with world(tmp_path) as w:
        client, server = await confidential(w), await resource_server(w)
        old = await tokens_of(w, client)
        form = {"grant_type": "refresh_token", "refresh_token": old["refresh_token"]} | {
            name: client[name] for name in ("client_id", "client_secret")
        }
        new = (await w.token(**form)).json()
        assert (await ask(w, old["refresh_token"], client)).json() == INACTIVE
        assert (await ask(w, new["refresh_token"], client)).json()["active"] is True
        async with w.browser() as http:
            await http.post("/revoke", data=form | {"token": new["refresh_token"]})
        for token in (old["access_token"], new["access_token"], new["refresh_token"]):
            assert (await ask(w, token, server)).json() == INACTIVE
        last = await tokens_of(w, client)
        w.clock.advance(3600)
        assert (await ask(w, last["access_token"], client)).json() == INACTIVE


async def test_a_bound_token_is_told_with_its_key(tmp_path):
    async with world(tmp_path) as w:
        holder, client = Holder(), await confidential(w)
        proof = holder.proof(url=f"{ISSUER}/token", now=w.clock.now())
        tokens = await tokens_of(w, client, dpop=proof)
        about = (await ask(w, tokens["access_token"], client)).json()
        assert (about["token_type"], about["cnf"]) == ("DPoP", {"jkt": holder.jkt})


@pytest.mark.requirement("RFC9701-5")
async def test_an_answer_can_be_had_signed_and_never_passes_for_a_token(tmp_path):
    async with world(tmp_path) as w:
        client = await confidential(w)
        token = (await tokens_of(w, client))["access_token"]
        answer = await ask(w, token, client, accept=f"{JWT_TYPE}, application/json;q=0.5")
        assert answer.headers["content-type"] == JWT_TYPE
        async with w.browser() as http:
            keys = jwt.PyJWKSet.from_dict((await http.get("/.well-known/jwks.json")).json())
        header = jwt.get_unverified_header(answer.text)
        assert (header["typ"], header["alg"]) == ("token-introspection+jwt", "ES256")
        key = next(each for each in keys.keys if each.key_id == header["kid"])
        claims = jwt.decode(
            answer.text, key, algorithms=["ES256"], audience=client["client_id"], issuer=ISSUER, options=NO_TIME
        )
        assert claims["token_introspection"] == (await ask(w, token, client)).json()
        assert claims["iat"] == w.clock.now()
        assert not {"sub", "exp", "scope"} & set(claims)
        assert (await w.call(answer.text)).status_code == 401
        inactive = await ask(w, "dwa_unknown", client, accept=JWT_TYPE)
        assert jwt.decode(inactive.text, options={"verify_signature": False})["token_introspection"] == INACTIVE


NO_TIME = {"verify_iat": False, "verify_exp": False}
"""The door's clock stands still in the future."""


async def test_a_client_without_a_token_to_ask_about_is_told_so(tmp_path):
    async with world(tmp_path) as w:
        answer = await ask(w, None, await confidential(w))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.requirement("T-10")
@pytest.mark.parametrize("path", ["/introspect", "/par", "/token", "/revoke"])
@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", json.dumps({"token": "x"}).encode(), 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\ncontent-disposition: form-data; name="token"\r\n\r\nx\r\n--x--',
            400,
        ),
        ("text/plain", b"token=x", 400),
        ("", b"token=x", 400),
        ("application/x-www-form-urlencoded; charset=utf-16", "token=x".encode("utf-16"), 400),
        ("application/x-www-form-urlencoded", b"token=%ff%fe", 400),
        ("application/x-www-form-urlencoded", b"token=%00", 400),
        ("application/x-www-form-urlencoded", b"token=\x00", 400),
        ("application/x-www-form-urlencoded", b"token=%zz", 400),
        ("application/x-www-form-urlencoded", b"token=a&token=b", 400),
        ("application/x-www-form-urlencoded", b"&&&&", 400),
        ("application/x-www-form-urlencoded", b"client_id=" + b"9" * 5000, 400),
        ("application/x-www-form-urlencoded", b"x" * (64 * 1024 + 1), 413),
        ("application/x-www-form-urlencoded", b"x" * 1_000_000, 413),
    ],
)
async def test_an_odd_body_gets_a_verdict_in_json(tmp_path, path, content_type, body, status):
    async with world(tmp_path) as w, w.browser() as http:
        answer = await http.post(path, content=body, headers={"content-type": content_type})
    assert answer.status_code in ({400, 401} if status == 400 else {413})
    assert answer.json()["error"] in {"invalid_request", "invalid_client"}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_token_that_hangs_on_no_grant_is_told_as_it_is(tmp_path):
    async with world(tmp_path) as w:
        server = await resource_server(w)
        for kind in (AccessToken, RefreshToken):
            await w.door.store.apply([Insert(least(kind, digest("loose"), grant_id="gone"))])
        assert (await ask(w, "loose", server)).json()["active"] is True
        stored = await w.door.store.get(AccessToken, digest("loose"))
        await w.door.store.apply([Delete(AccessToken, stored.record.key, stored.version)])
        assert (await ask(w, "loose", server)).json() == INACTIVE
