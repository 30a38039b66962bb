"""Proofs of possession at the door: when they are used up, and by which worker."""

from __future__ import annotations

import pytest
from door.fronts import RESOURCE, Front, legacy
from oauth.proofs import Holder

from doorward.authority.dpop_proofs import DpopProofs
from doorward.errors import Unavailable
from doorward.keys.sealing import Sealer
from doorward.records.oauth import SeenProof

ANN = Holder()


class Peers:
    """The other workers of a test: hands each request on as it came."""

    def __init__(self) -> None:
        self.workers = {}

    async def forward(self, worker_id, scope, body, receive, send) -> bool:
        rest = [{"type": "http.request", "body": body}]

        async def receive_again():
            return rest.pop() if rest else await receive()

        await self.workers[worker_id](scope, receive_again, send)
        return True


async def open_session(call, receive, send) -> None:
    headers = [(b"content-type", b"application/json"), (b"mcp-session-id", b"upstream-1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"jsonrpc":"2.0","id":1,"result":{}}'})


async def with_proofs(**arguments) -> Front:
    front = Front()
    await front.store.open()
    nonces = Sealer("dpop nonce", b"kid1", {b"kid1": bytes(32)}, front.entropy)
    proofs = DpopProofs(policy=front.policy, store=front.store, clock=front.clock, sealing=nonces)
    front.door = front.another_worker(proofs=proofs, **arguments)
    front.proofs = proofs
    return front


async def ask(front: Front, token: str, proof: str, body=None, **options):
    headers = {"authorization": f"DPoP {token}", "dpop": proof, **options.pop("headers", {})}
    return await front.ask(legacy() if body is None else body, headers=headers, **options)


def made(front: Front, token: str, **changes) -> str:
    return ANN.proof(**({"url": RESOURCE, "now": front.clock.now(), "access_token": token} | changes))


@pytest.mark.requirement("RFC9449-7")
@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
async def test_the_caller_of_a_bound_token_is_known_and_neither_token_nor_proof_goes_on(scheme):
    front = await with_proofs()
    token = await front.access_token(dpop_jkt=ANN.jkt)
    answer = await ask(front, token, made(front, token), headers={"authorization": f"{scheme} {token}"})
    assert answer.status == 200
    assert front.upstream.last.caller.user_id == "ann"
    assert not front.upstream.got("dpop")
    assert not front.upstream.got("authorization")


async def test_a_request_that_goes_nowhere_uses_no_proof_up():
    front = await with_proofs()
    token = await front.access_token(dpop_jkt=ANN.jkt)
    proof = made(front, token)
    assert (await ask(front, token, proof, b"{")).status == 400
    assert (await ask(front, token, proof, headers={"mcp-session-id": "unknown"})).status == 404
    assert await front.store.find(SeenProof) == []
    assert (await ask(front, token, proof)).status == 200
    assert (await ask(front, token, proof)).status == 401
    assert len(front.upstream.calls) == 1


@pytest.mark.requirement("RFC9449-11.1")
async def test_a_worker_that_hands_a_request_on_leaves_the_proof_to_the_other():
    peers = Peers()
    front = await with_proofs()
    front.upstream.answer = open_session
    front.upstream.keeps_sessions_here = True
    for worker_id in ("one", "two"):
        peers.workers[worker_id] = front.another_worker(worker_id=worker_id, peers=peers, proofs=front.proofs)
    one, two = peers.workers["one"], peers.workers["two"]
    token = await front.access_token(dpop_jkt=ANN.jkt)
    opened = await ask(front, token, made(front, token), legacy("initialize"), door=one)
    session = {"mcp-session-id": opened.one("mcp-session-id")}
    proof = made(front, token)
    assert (await ask(front, token, proof, headers=session, door=two)).status == 200
    assert (await ask(front, token, proof, headers=session, door=two)).status == 401
    assert (await ask(front, token, proof, headers=session, door=one)).status == 401


async def test_a_store_that_cannot_tell_whether_a_proof_was_used_gives_no_verdict(monkeypatch):
    front = await with_proofs()
    token = await front.access_token(dpop_jkt=ANN.jkt)

    async def unavailable(_changes):
        raise Unavailable("disk")

    monkeypatch.setattr(front.store, "apply", unavailable)
    answer = await ask(front, token, made(front, token))
    assert answer.status == 503
    assert answer.one("www-authenticate") is None
    assert not front.upstream.calls


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_each_method_needs_a_proof_of_its_own(method):
    front = await with_proofs()
    token = await front.access_token(dpop_jkt=ANN.jkt)
    headers = {"authorization": f"DPoP {token}", "dpop": made(front, token), "mcp-session-id": "unknown"}
    assert (await front.ask(method=method, headers=headers)).status == 401
    headers["dpop"] = made(front, token, method=method)
    assert (await front.ask(method=method, headers=headers)).status == 404


@pytest.mark.parametrize(
    "more",
    [
        [(b"authorization", b"Bearer dwa_x")],
        [(b"authorization", b"DPoP dwa_x")],
        [(b"dpop", b"a.b.c")],
    ],
)
async def test_two_credentials_or_two_proofs_are_refused(more):
    front = await with_proofs()
    token = await front.access_token(dpop_jkt=ANN.jkt)
    assert (await ask(front, token, made(front, token), more=more)).status == 401
    assert not front.upstream.calls


async def test_a_header_token_beside_a_bound_token_is_refused():
    front = Front(token_header="X-API-Key")
    await front.store.open()
    headers = {"authorization": "DPoP dwa_x", "x-api-key": await front.header_token()}
    assert (await front.ask(legacy(), headers=headers)).status == 401


async def test_where_there_is_no_sign_in_dpop_is_not_spoken():
    front = Front(auth="token")
    await front.store.open()
    answer = await front.ask(legacy(), headers={"authorization": "DPoP dwa_x", "dpop": "a.b.c"})
    assert answer.status == 401
    assert answer.one("www-authenticate") == 'Bearer scope="mcp"'


async def test_a_bound_token_that_is_no_good_is_challenged_in_its_own_scheme():
    front = await with_proofs()
    answer = await ask(front, "dwa_unknown", made(front, "dwa_unknown"))
    assert answer.status == 401
    assert answer.one("www-authenticate").startswith("DPoP ")
    assert 'error="invalid_token"' in answer.one("www-authenticate")
