from __future__ import annotations

import pytest
from door.fronts import BOTH, legacy, modern, modern_headers

from doorward.door.accept import _admits, _is_json


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json; charset=utf-16",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
    ],
)
async def test_a_body_that_is_not_declared_json_is_refused(open_front, content_type):
    answer = await open_front.ask(legacy(), headers={"content-type": content_type})
    assert answer.status == 415
    assert "id" not in answer.json
    assert not open_front.upstream.calls


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", 'application/json;charset="UTF-8"']
)
async def test_json_may_be_declared_in_other_words(open_front, content_type):
    assert (await open_front.ask(legacy(), headers={"content-type": content_type})).status == 200


async def test_two_content_types_and_compressed_bodies_are_refused(open_front):
    assert (await open_front.ask(legacy(), more=[(b"content-type", b"application/json")])).status == 415
    assert (await open_front.ask(legacy(), headers={"content-encoding": "gzip"})).status == 415
    assert (await open_front.ask(legacy(), headers={"content-encoding": "identity"})).status == 200


@pytest.mark.parametrize(
    "accept",
    [BOTH, None, "*/*", "application/json", "text/event-stream", "application/*;q=0.5", "text/html, */*;q=0.1"],
)
@pytest.mark.parametrize("headers", [{}, modern_headers()])
async def test_an_accept_that_admits_either_form_goes_up_as_both(open_front, accept, headers):
    body = modern() if headers else legacy()
    assert (await open_front.ask(body, headers={**headers, "accept": accept})).status == 200
    assert open_front.upstream.got("accept") == [BOTH]


@pytest.mark.requirement("T6")
@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0", "*/*;q=0.000", ""])
async def test_an_accept_that_admits_neither_is_not_acceptable(open_front, accept):
    assert (await open_front.ask(legacy(), headers={"accept": accept})).status == 406


@pytest.mark.parametrize(
    ("accept", "status"), [(None, 200), ("text/event-stream", 200), ("*/*", 200), ("application/json", 406)]
)
async def test_a_get_must_take_an_event_stream(open_front, accept, status):
    answer = await open_front.ask(method="GET", headers={"accept": accept})
    assert answer.status == status
    assert not open_front.upstream.calls or open_front.upstream.got("accept") == ["text/event-stream"]


async def test_no_value_of_any_length_is_kept(open_front):
    kept = _is_json.cache_info().currsize, _admits.cache_info().currsize
    accept = ", ".join([BOTH, *(f"a/{number}" for number in range(5000))])
    charset = "; a=" + "b" * 50_000
    headers = {"accept": accept, "content-type": f"application/json{charset}"}
    assert (await open_front.ask(legacy(), headers=headers)).status == 200
    refused = await open_front.ask(legacy(), headers={"accept": "a/b, " * 10_000, "content-type": "application/json"})
    assert refused.status == 406
    refused = await open_front.ask(legacy(), headers={"content-type": f"text/plain{charset}"})
    assert refused.status == 415
    assert (_is_json.cache_info().currsize, _admits.cache_info().currsize) == kept
