from __future__ import annotations

import pytest
from door.fronts import Front, legacy
from door.steps.given import caller, classified, step

from doorward.door.parts import InSession, Served
from doorward.door.replies import MessageRefused
from doorward.door.steps.call import Call
from doorward.door.steps.find_session import FindSession

ANN = caller("mcp")


def ready(front: Front, body=None, **headers: str) -> InSession:
    request: InSession = step(FindSession, front).take(classified(body=body or legacy(), who=ANN, **headers))
    return request


async def test_the_upstream_hears_who_calls_from_where_and_under_which_id():
    front = Front()
    served = await step(Call, front).take(ready(front, legacy("tools/list", 3)))
    assert isinstance(served, Served)
    assert served.status == 200
    call = front.upstream.last
    assert (call.caller, call.share, call.rpc_id, call.message.method) == (ANN, "ann", 3, "tools/list")
    assert front.upstream.got("x-request-id") == ["1"]
    assert front.upstream.got("x-forwarded-for") == ["192.0.2.7"]
    assert front.upstream.got("x-forwarded-host") == ["mcp.example.com"]


async def test_the_parts_that_earlier_steps_have_made_are_as_they_were():
    front = Front()
    request = ready(front)
    before = list(request.exchange.inbound.forwarded), list(request.headers), list(request.names)
    await step(Call, front).take(request)
    assert before == (request.exchange.inbound.forwarded, request.headers, request.names)


async def test_a_session_whose_worker_is_gone_is_not_found():
    front = Front()
    front.upstream.keeps_sessions_here = True
    front.door = front.another_worker(worker_id="one")
    session = step(FindSession, front)._sessions.sealer(ANN, None, None)(b"up-1").decode()
    front.door = front.another_worker(worker_id="two")
    with pytest.raises(MessageRefused) as refused:
        await step(Call, front).take(ready(front, mcp_session_id=session))
    assert refused.value.refusal.status == 404
    assert front.upstream.calls == []
