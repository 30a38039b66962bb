from __future__ import annotations

import pytest
from door.fronts import Front
from door.steps.given import exchange, step

from doorward.door.parts import Admitted, Answered
from doorward.door.replies import Refused
from doorward.door.steps.admit import Admit

HERE, PAGE = "mcp.example.com", "https://claude.ai"


def test_a_request_to_this_host_is_admitted_with_its_id_on_every_answer():
    request = exchange(host=HERE)
    assert step(Admit, Front()).take(request) == Admitted(request, request.headers)


def test_every_answer_to_a_page_that_may_call_says_so():
    known = step(Admit, Front()).take(exchange(host=HERE, origin=PAGE))
    assert (b"access-control-allow-origin", PAGE.encode()) in known.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 421), ({"host": "evil.example"}, 421), ({"host": HERE, "origin": "https://evil.example"}, 403)],
)
def test_a_foreign_host_or_origin_is_refused_before_the_method_is_looked_at(headers, status):
    for method in ("POST", "OPTIONS"):
        with pytest.raises(Refused) as refused:
            step(Admit, Front()).take(exchange(method, **headers))
        assert refused.value.refusal.status == status


def test_a_preflight_is_answered_here_and_needs_no_credential():
    answered = step(Admit, Front()).take(exchange("OPTIONS", host=HERE, origin=PAGE))
    assert isinstance(answered, Answered)
    assert answered.status == 204
