from __future__ import annotations

import pytest
from door.fronts import Front, legacy
from door.steps.given import caller, classified, step

from doorward.door.replies import MessageRefused, Refused
from doorward.door.steps.find_session import FindSession
from doorward.door.stream import PublicReply

ANN, BOB = caller("mcp"), caller("mcp", user_id="bob")


def opened(front: Front, who=ANN) -> str:
    """Return the id that a client gets when its session opens."""
    finder = step(FindSession, front)
    return finder._sessions.sealer(who, None, None)(b"up-1").decode()


async def test_a_request_that_names_no_session_has_none():
    known = step(FindSession, Front()).take(classified(body=legacy(), who=ANN))
    assert (known.session, known.names) == (None, [])


async def test_the_upstream_gets_its_own_id_of_the_session():
    front = Front()
    known = step(FindSession, front).take(classified(body=legacy(), who=ANN, mcp_session_id=opened(front)))
    assert known.session.upstream_id == "up-1"
    assert known.names == [(b"mcp-session-id", b"up-1")]


@pytest.mark.parametrize("presented", ["made up", None])
async def test_a_session_of_somebody_else_is_not_found_like_one_that_was_made_up(presented):
    front = Front()
    with pytest.raises(MessageRefused) as refused:
        step(FindSession, front).take(
            classified(body=legacy(rpc_id=9), who=BOB, mcp_session_id=presented or opened(front))
        )
    assert (refused.value.refusal.status, refused.value.refusal.rpc_id) == (404, 9)


async def test_a_client_that_opens_a_session_may_name_the_one_it_lost():
    known = step(FindSession, Front()).take(classified(body=legacy("initialize"), who=ANN, mcp_session_id="lost"))
    assert known.session is None


async def test_an_event_that_the_caller_has_not_seen_is_refused():
    with pytest.raises(Refused) as refused:
        step(FindSession, Front()).take(classified("GET", who=ANN, last_event_id="7"))
    assert refused.value.refusal.status == 400


async def test_the_answer_of_another_worker_goes_out_as_it_comes():
    front = Front()
    front.upstream.keeps_sessions_here = True
    front.door = front.another_worker(worker_id="one")
    session = opened(front)
    front.door = front.another_worker(worker_id="two")
    known = step(FindSession, front).take(classified(body=legacy(), who=ANN, mcp_session_id=session))
    assert isinstance(known.reply, PublicReply)
