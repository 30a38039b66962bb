from __future__ import annotations

import pytest
from door.fronts import MODERN, Front, legacy, modern
from door.steps.given import received, step

from doorward.door.replies import MessageRefused, Refused
from doorward.door.steps.classify import Classify

STREAM = "text/event-stream"


@pytest.mark.parametrize(
    ("body", "headers", "era"),
    [
        (legacy("tools/list", 5), {}, "legacy"),
        (modern("tools/list", 5), {"mcp_protocol_version": MODERN, "mcp_method": "tools/list"}, "modern"),
    ],
)
def test_the_log_knows_era_method_and_id_from_here_on(body, headers, era):
    before = received(body=body, **headers)
    assert (before.era_name, before.rpc_method, before.rpc_id) == ("", None, None)
    known = step(Classify, Front()).take(before)
    assert (known.era_name, known.rpc_method, known.rpc_id) == (era, "tools/list", 5)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (legacy(), {"mcp_protocol_version": "1900-01-01"}),
        (modern(), {}),
        (modern("tools/list"), {"mcp_protocol_version": MODERN, "mcp_method": "tools/call"}),
    ],
)
def test_a_message_of_no_era_and_one_that_its_headers_belie_are_refused(body, headers):
    with pytest.raises(MessageRefused) as refused:
        step(Classify, Front()).take(received(body=body, **headers))
    assert refused.value.refusal.status == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"mcp_protocol_version": MODERN, "accept": STREAM}, 405), ({"accept": "application/json"}, 406)],
)
def test_a_get_is_refused_where_its_era_has_none_or_its_client_takes_no_stream(headers, status):
    with pytest.raises(Refused) as refused:
        step(Classify, Front()).take(received("GET", **headers))
    assert refused.value.refusal.status == status
