from __future__ import annotations

import json

import pytest
from door.fronts import MODERN, Front, Recording, legacy, modern, modern_headers

from doorward.errors import UpstreamError

UPSTREAM_ID = "4451aa"


async def answer_with_session(call, receive, send) -> None:
    """A server of the handshake era: a session id on every answer, an error where there is no session."""
    is_known = call.rpc_method == "initialize" or call.mcp_session_id == UPSTREAM_ID
    body = json.dumps({"jsonrpc": "2.0", "id": call.rpc_id, "result": {"seen": call.mcp_session_id}}).encode()
    headers = [(b"content-type", b"application/json"), (b"mcp-session-id", UPSTREAM_ID.encode())]
    await send({"type": "http.response.start", "status": 200 if is_known else 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def sessionful(**arguments) -> Front:
    front = Front(Recording(answer_with_session), **arguments)
    await front.store.open()
    return front


async def opened(front: Front, token: str, **arguments) -> str:
    answer = await front.ask(legacy("initialize"), token=token, **arguments)
    assert answer.status == 200
    return answer.one("mcp-session-id")


async def test_a_session_is_used_under_the_id_that_the_door_made():
    front = await sessionful()
    token = await front.access_token()
    session = await opened(front, token)
    assert UPSTREAM_ID not in session
    answer = await front.ask(legacy(), token=token, headers={"mcp-session-id": session})
    assert answer.status == 200
    assert answer.json["result"]["seen"] == UPSTREAM_ID
    assert front.upstream.got("mcp-session-id") == [UPSTREAM_ID]
    assert answer.one("mcp-session-id") == session


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_get_and_delete_name_a_session_too(method):
    front = await sessionful()
    token = await front.access_token()
    headers = {"mcp-session-id": await opened(front, token)}
    assert (await front.ask(method=method, token=token, headers=headers)).status == 200
    assert front.upstream.last.mcp_session_id == UPSTREAM_ID
    assert (await front.ask(method=method, token=token, headers={"mcp-session-id": "x"})).status == 404


async def test_a_session_survives_a_refresh_of_the_access_token():
    front = await sessionful()
    session = await opened(front, await front.access_token())
    other = await front.access_token()
    assert (await front.ask(legacy(), token=other, headers={"mcp-session-id": session})).status == 200


@pytest.mark.requirement("T20")
@pytest.mark.requirement("X3")
@pytest.mark.parametrize("stranger", [{"user_id": "bob"}, {"client_id": "client-2"}])
async def test_someone_else_s_session_does_not_exist(stranger):
    front = await sessionful()
    session = await opened(front, await front.access_token())
    theirs = await front.access_token(**stranger)
    answer = await front.ask(legacy(rpc_id="q"), token=theirs, headers={"mcp-session-id": session})
    made_up = await front.ask(legacy(rpc_id="q"), token=theirs, headers={"mcp-session-id": "made-up"})
    assert (answer.status, answer.json["id"]) == (404, "q")
    assert answer.body == made_up.body
    assert len(front.upstream.calls) == 1


@pytest.mark.parametrize("session", ["", "x", "4451aa", "A" * 5000, "../../etc", "é"])
async def test_an_unknown_session_is_not_found(session):
    front = await sessionful()
    token = await front.access_token()
    answer = await front.ask(legacy(), token=token, headers={"mcp-session-id": session})
    assert answer.status == 404
    assert answer.json["error"]["message"]
    assert answer.one("content-type") == "application/json"


async def test_a_session_of_another_door_is_not_found():
    front, other = await sessionful(), await sessionful(path="/other")
    session = await opened(other, await other.access_token())
    answer = await front.ask(legacy(), token=await front.access_token(), headers={"mcp-session-id": session})
    assert answer.status == 404


async def test_two_session_ids_are_refused():
    front = await sessionful()
    token = await front.access_token()
    session = await opened(front, token)
    more = [(b"mcp-session-id", session.encode())]
    answer = await front.ask(legacy(), token=token, headers={"mcp-session-id": session}, more=more)
    assert answer.status == 400


async def test_a_client_that_starts_anew_may_still_carry_its_lost_id():
    front = await sessionful()
    token = await front.access_token()
    session = await opened(front, token, headers={"mcp-session-id": "lost"})
    assert front.upstream.got("mcp-session-id") == []
    assert (await front.ask(legacy(), token=token, headers={"mcp-session-id": session})).status == 200


async def test_an_id_on_an_error_is_dropped_because_that_session_was_never_opened():
    front = await sessionful()
    answer = await front.ask(legacy(), token=await front.access_token())
    assert answer.status == 400
    assert answer.one("mcp-session-id") is None


async def stream_with_ids(call, receive, send) -> None:
    """A server that keeps the events of all its sessions in one place, and sends again whatever it is asked for."""
    headers = [(b"content-type", b"text/event-stream")]
    if call.rpc_method == "initialize":
        headers.append((b"mcp-session-id", f"s{call.rpc_id}".encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in (b"id: 4", b"2\ndata: {}\n", b"\n"):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def event_id_in(answer) -> str:
    first, rest = answer.body.split(b"\n", 1)
    assert rest == b"data: {}\n\n"
    assert first.startswith(b"id: ")
    return first[4:].decode()


async def resumable() -> Front:
    front = Front(Recording(stream_with_ids))
    await front.store.open()
    return front


@pytest.mark.parametrize("how", ["the answer to initialize", "an answer in the session", "the standing stream"])
async def test_a_stream_is_resumed_with_the_id_that_the_client_saw(how):
    front = await resumable()
    token = await front.access_token()
    answer = await front.ask(legacy("initialize", rpc_id=1), token=token)
    session = {"mcp-session-id": answer.one("mcp-session-id")}
    if how == "an answer in the session":
        answer = await front.ask(legacy(), token=token, headers=session)
    elif how == "the standing stream":
        answer = await front.ask(method="GET", token=token, headers=session)
    seen = event_id_in(answer)
    assert seen != "42"
    # Another token of the same user and client: a stream outlives a refresh.
    resumed = await front.ask(
        method="GET", token=await front.access_token(), headers={**session, "last-event-id": seen}
    )
    assert resumed.status == 200
    assert front.upstream.got("last-event-id") == ["42"]


async def test_an_event_of_somebody_else_cannot_be_named():
    front = await resumable()
    token, theirs = await front.access_token(), await front.access_token(user_id="bob")
    mine = await front.ask(legacy("initialize", rpc_id=1), token=token)
    seen = event_id_in(mine)
    other = {"mcp-session-id": (await front.ask(legacy("initialize", rpc_id=2), token=token)).one("mcp-session-id")}
    bobs = {"mcp-session-id": (await front.ask(legacy("initialize", rpc_id=1), token=theirs)).one("mcp-session-id")}
    calls = len(front.upstream.calls)
    session = {"mcp-session-id": mine.one("mcp-session-id")}
    for bearer, headers in (
        (theirs, {**bobs, "last-event-id": seen}),
        (theirs, {"last-event-id": seen}),
        (token, {**other, "last-event-id": seen}),
        (token, {"last-event-id": seen}),
        (token, {**session, "last-event-id": "42"}),
        (token, {**session, "last-event-id": ""}),
        (token, {**session, "last-event-id": session["mcp-session-id"]}),
    ):
        answer = await front.ask(method="GET", token=bearer, headers=headers)
        assert answer.status == 400
        assert "Last-Event-ID" in answer.json["error"]["message"]
    more = [(b"last-event-id", seen.encode())]
    headers = {**session, "last-event-id": seen}
    assert (await front.ask(method="GET", token=token, headers=headers, more=more)).status == 400
    assert len(front.upstream.calls) == calls


async def test_the_ids_of_a_modern_stream_pass_as_they_are():
    front = await resumable()
    answer = await front.ask(modern(), token=await front.access_token(), headers=modern_headers())
    assert event_id_in(answer) == "42"


@pytest.mark.requirement("T19")
@pytest.mark.requirement("T10")
async def test_the_modern_era_neither_sends_nor_gets_a_session():
    front = await sessionful(auth="none")
    front.upstream.answer = Recording().answer
    headers = {**modern_headers(), "mcp-session-id": "made-up", "last-event-id": "7"}
    assert (await front.ask(modern(), headers=headers)).status == 200
    assert front.upstream.got("mcp-session-id") == []
    assert front.upstream.got("last-event-id") == []
    assert front.upstream.last.mcp_session_id is None

    async def mint(call, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"mcp-session-id", b"x")]})
        await send({"type": "http.response.body"})

    front.upstream.answer = mint
    assert (await front.ask(modern(), headers=modern_headers())).one("mcp-session-id") is None


async def test_an_anonymous_session_is_bound_to_the_door_alone():
    front = await sessionful(auth="none")
    answer = await front.ask(legacy("initialize"))
    session = answer.one("mcp-session-id")
    assert (await front.ask(legacy(), headers={"mcp-session-id": session})).status == 200


class Switchboard:
    """Peers in one process: hands a request to the door that owns the session."""

    def __init__(self) -> None:
        self.workers = {}
        self.bodies = []

    async def forward(self, worker_id, scope, body, receive, send) -> bool:
        if worker_id not in self.workers:
            return False
        self.bodies.append(body)
        rest = [{"type": "http.request", "body": body}]

        async def receive_again():
            return rest.pop() if rest else await receive()

        await self.workers[worker_id](scope, receive_again, send)
        return True


async def two_workers(*, keeps_sessions_here: bool = True, **changes) -> tuple[Front, Switchboard]:
    front = await sessionful(auth="none")
    front.upstream.keeps_sessions_here = keeps_sessions_here
    peers = Switchboard()
    for worker_id in ("one", "two"):
        peers.workers[worker_id] = front.another_worker(**{"worker_id": worker_id, "peers": peers, **changes})
    return front, peers


async def test_any_worker_can_serve_a_session_that_another_one_holds():
    front, peers = await two_workers()
    session = (await front.ask(legacy("initialize"), door=peers.workers["one"])).one("mcp-session-id")
    here = await front.ask(legacy(), door=peers.workers["one"], headers={"mcp-session-id": session})
    assert (here.status, peers.bodies) == (200, [])
    there = await front.ask(legacy(), door=peers.workers["two"], headers={"mcp-session-id": session})
    assert there.status == 200
    assert there.json["result"]["seen"] == UPSTREAM_ID
    assert [json.loads(body) for body in peers.bodies] == [legacy()]


@pytest.mark.parametrize("has_peers", [True, False])
async def test_a_session_whose_worker_is_gone_is_not_found(has_peers):
    front, peers = await two_workers(**({} if has_peers else {"peers": None}))
    session = (await front.ask(legacy("initialize"), door=peers.workers["one"])).one("mcp-session-id")
    two = peers.workers["two"]
    peers.workers.clear()
    answer = await front.ask(legacy(rpc_id=5), door=two, headers={"mcp-session-id": session})
    assert (answer.status, answer.json["id"]) == (404, 5)


async def test_a_session_that_a_remote_server_holds_belongs_to_no_worker():
    front, peers = await two_workers(keeps_sessions_here=False)
    session = (await front.ask(legacy("initialize"), door=peers.workers["one"])).one("mcp-session-id")
    answer = await front.ask(legacy(), door=peers.workers["two"], headers={"mcp-session-id": session})
    assert (answer.status, peers.bodies) == (200, [])


@pytest.mark.parametrize(("starts", "status"), [(False, 500), (True, 200)])
async def test_a_hand_over_that_breaks_is_answered_once(starts, status):
    class BreakingPeers:
        async def forward(self, worker_id, scope, body, receive, send):
            if starts:
                await send({"type": "http.response.start", "status": 200, "headers": []})
            raise RuntimeError("the socket broke")

    front, peers = await two_workers()
    session = (await front.ask(legacy("initialize"), door=peers.workers["one"])).one("mcp-session-id")
    two = front.another_worker(worker_id="two", peers=BreakingPeers())
    answer = await front.ask(legacy(), door=two, headers={"mcp-session-id": session})
    assert answer.status == status
    assert answer.is_complete is not starts


@pytest.mark.parametrize(
    ("part", "ends"), [(b": open\n\n", True), (b"data: half", False), (b"id: 7\ndata: \n\n", False)]
)
async def test_a_stream_whose_worker_dies_ends_with_an_error_unless_the_client_can_resume(part, ends):
    class DyingPeers:
        async def forward(self, worker_id, scope, body, receive, send):
            head = [(b"content-type", b"text/event-stream"), (b"x-request-id", b"of the owner")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": part, "more_body": True})
            raise UpstreamError("reset", "The worker is gone.")

    front, peers = await two_workers()
    session = (await front.ask(legacy("initialize"), door=peers.workers["one"])).one("mcp-session-id")
    two = front.another_worker(worker_id="two", peers=DyingPeers())
    answer = await front.ask(legacy(rpc_id="q"), door=two, headers={"mcp-session-id": session})
    assert answer.one("x-request-id") == "of the owner"
    assert answer.body.startswith(part)
    assert answer.is_complete is ends
    assert (b'"id":"q","error"' in answer.body) is ends


async def test_the_modern_era_needs_no_hand_over():
    front, peers = await two_workers()
    front.upstream.answer = Recording().answer
    headers = {**modern_headers(), "mcp-session-id": "x", "mcp-protocol-version": MODERN}
    assert (await front.ask(modern(), door=peers.workers["two"], headers=headers)).status == 200
    assert peers.bodies == []
