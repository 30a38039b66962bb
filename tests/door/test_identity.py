"""What the upstream gets to know of its caller, signed."""

from __future__ import annotations

import jwt
import pytest
from endpoints.test_dpop import ANN, bound, call, door_proof
from endpoints.test_signed_tokens import IDENTITY, echoing, identity_audience, verified
from world import CALL, ISSUER, RESOURCE, world

from doorward.clock import CountingEntropy, FixedClock
from doorward.directory.header_tokens import NewHeaderToken, create_header_token
from doorward.door.identity import LIFETIME_SECONDS, UpstreamIdentity
from doorward.records.oauth import AccessToken
from doorward.upstreams.port import Caller


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
        _, line = w.door.running.doors["mcp"].identity.header(
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


def test_callers_that_come_and_go_do_not_fill_the_memory():
    sign = Signing()
    identity = UpstreamIdentity(
        sign=sign,
        issuer=ISSUER,
        upstream_url="http://up/mcp",
        clock=FixedClock(),
        entropy=CountingEntropy(),
        callers_kept=3,
    )

    def signed_for(*numbers: int) -> int:
        before = len(sign.signed)
        for number in numbers:
            identity.header(Caller(f"u{number}", "c1", (), RESOURCE, ISSUER, None, "t1"))
        return len(sign.signed) - before

    assert signed_for(*range(10)) == 10
    assert signed_for(7, 8, 9) == 0
    assert signed_for(6, 0) == 2


async def test_a_remote_upstream_is_addressed_by_its_url(tmp_path):
    async with world(tmp_path, app="http://127.0.0.1:9/up/mcp", upstream_identity="jwt") as w:
        identity = w.door.running.doors["mcp"].identity
        _, line = identity.header(Caller("ann", "c1", (), RESOURCE, ISSUER, None, "t1"))
        assert (await verified(w, line.decode(), identity_audience("http://127.0.0.1:9/up/mcp"), IDENTITY))[
            "sub"
        ] == "ann"
