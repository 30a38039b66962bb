"""Access tokens that are JWTs, and the keys that verify them."""

from __future__ import annotations

import json

import jwt
import pytest
from oauth.proofs import Holder
from world import CALL, ISSUER, REDIRECT_URI, RESOURCE, VERIFIER, World, world

from doorward.clock import FixedClock
from doorward.keys.ring import Keys
from doorward.keys.rotation import Rotation

IDENTITY = "doorward-identity+jwt"
STILL = {"verify_iat": False, "verify_exp": False}
"""The door's clock stands still in the future."""


async def key_set(w: World) -> jwt.PyJWKSet:
    async with w.browser() as http:
        answer = await http.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    return jwt.PyJWKSet.from_dict(answer.json())


def identity_audience(url: str) -> str:
    return f"doorward-identity:{url}"


async def verified(w: World, token: str, audience: str, typ: str = "at+jwt") -> dict:
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == (typ, "ES256")
    key = next(each for each in (await key_set(w)).keys if each.key_id == header["kid"])
    return jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=ISSUER, options=STILL)


async def echoing(scope, receive, send) -> None:
    """Answer with the identity header that came."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await receive()
    values = [value.decode() for name, value in scope["headers"] if name == b"x-doorward-identity"]
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"identities": values}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.requirement("RFC9068-2.2")
async def test_an_access_token_can_be_a_jwt_that_anybody_verifies(tmp_path):
    async with world(tmp_path, access_token_format="jwt") as w:
        client_id = (await w.register())["client_id"]
        tokens = (await w.redeem(client_id, await w.code(client_id))).json()
        claims = await verified(w, tokens["access_token"], RESOURCE)
        now = w.clock.now()
        jti = claims.pop("jti")
        assert claims == {
            "iss": ISSUER,
            "sub": "owner",
            "aud": RESOURCE,
            "client_id": client_id,
            "scope": "mcp",
            "iat": now,
            "exp": now + 3600,
        }
        renewed = await w.token(grant_type="refresh_token", client_id=client_id, refresh_token=tokens["refresh_token"])
        again = await verified(w, renewed.json()["access_token"], RESOURCE)
        assert again["jti"] != jti
        assert tokens["refresh_token"].startswith("dwr_")


async def test_a_jwt_is_used_like_any_token_and_dies_at_the_next_request(tmp_path):
    async with world(tmp_path, access_token_format="jwt") as w, w.browser() as http:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        tokens = (await w.redeem(client_id, code)).json()
        assert (await w.redeem(client_id, code)).json() == tokens
        token = tokens["access_token"]
        assert (await w.call(token)).status_code == 200
        await http.post("/revoke", data={"client_id": client_id, "token": token})
        assert (await w.call(token)).status_code == 401


async def test_tokens_of_either_format_go_on_when_the_setting_changes(tmp_path):
    clock = FixedClock()
    tokens = []
    for format_ in ("opaque", "jwt", "opaque"):
        async with world(tmp_path, clock=clock, access_token_format=format_) as w:
            client_id = (await w.register())["client_id"]
            tokens.append((await w.redeem(client_id, await w.code(client_id))).json()["access_token"])
            assert [(await w.call(each)).status_code for each in tokens] == [200] * len(tokens)
    assert [each[:3] for each in tokens] == ["dwa", "eyJ", "dwa"]


@pytest.mark.requirement("RFC9449-5")
async def test_a_jwt_that_is_bound_to_a_key_names_it(tmp_path):
    async with world(tmp_path, access_token_format="jwt") as w:
        holder, client_id = Holder(), (await w.register())["client_id"]
        form = {"grant_type": "authorization_code", "client_id": client_id, "code": await w.code(client_id)}
        form |= {"redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
        async with w.browser() as http:
            proof = holder.proof(url=f"{ISSUER}/token", now=w.clock.now())
            token = (await http.post("/token", data=form, headers={"dpop": proof})).json()["access_token"]
            assert (await verified(w, token, RESOURCE))["cnf"] == {"jkt": holder.jkt}
            assert (await w.call(token)).status_code == 401
            proof = holder.proof(url=RESOURCE, now=w.clock.now(), access_token=token)
            headers = {"authorization": f"DPoP {token}", "dpop": proof, "accept": "application/json, text/event-stream"}
            assert (await http.post("/mcp", json=CALL, headers=headers)).status_code == 200


@pytest.mark.requirement("RFC9068-2.2")
@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-2] + ("AA" if not token.endswith("AA") else "BB"),
        lambda token: ".".join(["eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0", token.split(".")[1], "x"]),
        lambda token: token + "=",
        lambda token: token.rsplit(".", 1)[0] + ".",
    ],
)
async def test_a_jwt_that_was_not_issued_in_these_very_bytes_is_unknown(tmp_path, change):
    async with world(tmp_path, access_token_format="jwt") as w:
        client_id = (await w.register())["client_id"]
        token = (await w.redeem(client_id, await w.code(client_id))).json()["access_token"]
        assert (await w.call(change(token))).status_code == 401
        assert (await w.call(token)).status_code == 200


@pytest.mark.requirement("RFC7517-5")
async def test_after_a_rotation_old_and_new_signatures_verify_and_the_new_key_signs(tmp_path):
    clock, tokens = FixedClock(), []

    async def issue(w: World) -> str:
        client_id = (await w.register())["client_id"]
        tokens.append((await w.redeem(client_id, await w.code(client_id))).json()["access_token"])
        for token in tokens:
            await verified(w, token, RESOURCE)
            assert (await w.call(token)).status_code == 200
        return jwt.get_unverified_header(tokens[-1])["kid"]

    async with world(tmp_path, clock=clock, access_token_format="jwt") as w:
        first = await issue(w)
        keys = await Keys.load(w.door.store, w.door.config.data_dir, clock, w.door.entropy)
        coming = await Rotation(w.door.store, keys, clock, w.door.policy).rotate("signing")
    async with world(tmp_path, clock=clock, access_token_format="jwt") as w:
        assert {first, coming.kid} == {key.key_id for key in (await key_set(w)).keys}
        assert await issue(w) == first
    clock.at = coming.active_at
    async with world(tmp_path, clock=clock, access_token_format="jwt") as w:
        assert await issue(w) == coming.kid
