"""Access tokens that are JWTs, what the upstream is told of the caller, and the keys that verify both."""

from __future__ import annotations

import json

import jwt
import pytest
from endpoints.test_dpop import ANN, bound, call, door_proof
from oauth.proofs import Holder
from world import CALL, ISSUER, REDIRECT_URI, RESOURCE, VERIFIER, World, world

from doorward.clock import CountingEntropy, FixedClock
from doorward.directory.header_tokens import NewHeaderToken, create_header_token
from doorward.door.identity import LIFETIME_SECONDS, UpstreamIdentity
from doorward.keys.ring import Keys
from doorward.keys.rotation import Rotation
from doorward.oauth.tokens.access_token_jwt import LIMIT_CHARS, is_shaped_like_one
from doorward.records.oauth import AccessToken
from doorward.upstreams.port import Caller

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


@pytest.mark.requirement("RFC7517-5")
async def test_the_published_keys_are_public_halves_only(tmp_path):
    async with world(tmp_path) as w, w.browser() as http:
        answer = await http.get("/.well-known/jwks.json")
        (key,) = answer.json()["keys"]
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["use"], key["alg"]) == ("sig", "ES256")
        assert "max-age" in answer.headers["cache-control"]
        metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
        assert metadata["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"


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


def test_only_what_could_be_a_jwt_is_looked_up_as_one():
    assert is_shaped_like_one("eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2ln")
    for text in ("", "dwa_x", "eyJ", "eyJa.b", "eyJa..c", "eyJa.b.c.d", "eyJa.b.c ", "eyJa.b." + "c" * LIMIT_CHARS):
        assert not is_shaped_like_one(text)


@pytest.mark.requirement("UP-ID")
async def test_the_upstream_is_told_who_is_calling_in_words_it_can_verify(tmp_path):
    async with world(tmp_path, app=echoing, upstream_identity="jwt") as w:
        client_id = (await w.register())["client_id"]
        token = (await w.redeem(client_id, await w.code(client_id))).json()["access_token"]
        (identity,) = (await w.call(token)).json()["result"]["identities"]
        claims = await verified(w, identity, identity_audience(RESOURCE), IDENTITY)
        assert (claims["sub"], claims["client_id"], claims["scope"]) == ("owner", client_id, "mcp")
        assert claims["exp"] - claims["iat"] == LIFETIME_SECONDS
        # It is a statement, not a credential: the door itself does not take it.
        assert (await w.call(identity)).status_code == 401
        assert await w.door.store.find(AccessToken) != []


@pytest.mark.requirement("UP-ID")
@pytest.mark.parametrize("target", [echoing, "http://127.0.0.1:9/mcp", RESOURCE])
async def test_no_verifier_of_access_tokens_mistakes_the_statement_for_one(tmp_path, target):
    async with world(tmp_path, app=target, upstream_identity="jwt", access_token_format="jwt") as w:
        client_id = (await w.register())["client_id"]
        token = (await w.redeem(client_id, await w.code(client_id))).json()["access_token"]
        _, line = w.door._running.doors["mcp"].identity.header(
            Caller("owner", client_id, ("mcp",), RESOURCE, ISSUER, None, "t")
        )
        of_token, of_statement = jwt.get_unverified_header(token), jwt.get_unverified_header(line)
        assert of_token["typ"] != of_statement["typ"]
        said = jwt.decode(line, options={"verify_signature": False})
        assert not said["aud"].startswith(("http:", "https:"))
        url = target if isinstance(target, str) else RESOURCE
        for audience in (RESOURCE, url, ISSUER):
            with pytest.raises(jwt.InvalidAudienceError):
                await verified(w, line.decode(), audience, IDENTITY)


@pytest.mark.requirement("UP-ID")
async def test_the_statement_names_the_key_that_the_callers_token_is_bound_to(tmp_path):
    async with world(tmp_path, app=echoing, upstream_identity="jwt") as w:
        _, tokens = await bound(w)
        token, holder = tokens["access_token"], ANN
        answer = await call(w, token, door_proof(w, token))
        (identity,) = answer.json()["result"]["identities"]
        assert (await verified(w, identity, identity_audience(RESOURCE), IDENTITY))["cnf"] == {"jkt": holder.jkt}


@pytest.mark.requirement("UP-ID")
@pytest.mark.parametrize("setting", ["none", "jwt"])
async def test_nobody_else_can_say_who_is_calling(tmp_path, setting):
    async with world(tmp_path, app=echoing, upstream_identity=setting) as w, w.browser() as http:
        client_id = (await w.register())["client_id"]
        token = (await w.redeem(client_id, await w.code(client_id))).json()["access_token"]
        headers = [("authorization", f"Bearer {token}"), ("accept", "application/json, text/event-stream")]
        forged = [("X-Doorward-Identity", "forged"), ("x_doorward_identity", "forged")]
        answer = await http.post("/mcp", json=CALL, headers=[*headers, *forged])
        identities = answer.json()["result"]["identities"]
        assert "forged" not in identities
        assert len(identities) == (setting == "jwt")


async def test_an_identity_for_header_tokens_needs_no_sign_in_but_its_keys(tmp_path):
    async with world(tmp_path, app=echoing, auth="token", upstream_identity="jwt") as w:
        door = w.door
        made = {"name": "ci", "user_id": "owner", "scopes": ["mcp"], "lifetime_seconds": None}
        token, record = await create_header_token(door.store, door.clock, door.entropy, NewHeaderToken(**made))
        (identity,) = (await w.call(token)).json()["result"]["identities"]
        claims = await verified(w, identity, identity_audience(RESOURCE), IDENTITY)
        assert (claims["sub"], claims["client_id"]) == ("owner", record.token_id)


class Signing:
    """Counts what is signed."""

    def __init__(self) -> None:
        self.signed: list[dict[str, object]] = []

    def __call__(self, claims: dict[str, object], *, header_type: str) -> str:
        self.signed.append(claims)
        return f"jwt-{len(self.signed)}"


def test_a_statement_is_signed_once_per_caller_until_it_gets_old():
    sign, clock = Signing(), FixedClock()
    identity = UpstreamIdentity(
        sign=sign, issuer=ISSUER, upstream_url="http://up/mcp", clock=clock, entropy=CountingEntropy()
    )

    def caller(user_id: str, *scopes: str) -> Caller:
        return Caller(user_id, "c1", scopes, RESOURCE, ISSUER, None, "t1")

    first = identity.header(caller("ann", "read"))
    assert identity.header(caller("ann", "read")) is first
    assert identity.header(caller("bob", "read")) != first
    assert identity.header(caller("ann", "read", "write")) != first
    assert len(sign.signed) == 3
    clock.advance(LIFETIME_SECONDS - 61)
    assert identity.header(caller("ann", "read")) is first
    clock.advance(1)
    renewed = identity.header(caller("ann", "read"))
    assert renewed != first
    assert sign.signed[-1]["exp"] == clock.now() + LIFETIME_SECONDS
    assert len({each["jti"] for each in sign.signed}) == 4


def test_callers_that_come_and_go_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("doorward.door.identity._CALLERS_KEPT", 3)
    sign = Signing()
    identity = UpstreamIdentity(
        sign=sign, issuer=ISSUER, upstream_url="http://up/mcp", clock=FixedClock(), entropy=CountingEntropy()
    )
    for number in range(10):
        identity.header(Caller(f"u{number}", "c1", (), RESOURCE, ISSUER, None, "t1"))
    assert len(identity._made) == 3


async def test_a_remote_upstream_is_addressed_by_its_url(tmp_path):
    async with world(tmp_path, app="http://127.0.0.1:9/up/mcp", upstream_identity="jwt") as w:
        identity = w.door._running.doors["mcp"].identity
        _, line = identity.header(Caller("ann", "c1", (), RESOURCE, ISSUER, None, "t1"))
        assert (await verified(w, line.decode(), identity_audience("http://127.0.0.1:9/up/mcp"), IDENTITY))[
            "sub"
        ] == "ann"


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
