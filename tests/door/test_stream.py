from __future__ import annotations

import pytest
from door.fronts import Answer, Front, Recording, arriving, legacy, modern, modern_headers

EVENTS = b"event: message\r\ndata: {}\r\n\r\n"


def answering(status: int = 200, headers=(), parts=(b"{}",)):
    async def handle(call, receive, send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for index, part in enumerate(parts):
            await send({"type": "http.response.body", "body": part, "more_body": index + 1 < len(parts)})

    return Recording(handle)


def streaming(*parts: bytes, headers=()):
    return answering(headers=[(b"content-type", b"text/event-stream; charset=utf-8"), *headers], parts=(*parts, b""))


async def ask(upstream: Recording, **arguments) -> Answer:
    return await Front(upstream, auth="none").ask(legacy(), **arguments)


async def test_a_json_answer_goes_out_byte_for_byte():
    body = b'{"jsonrpc": "2.0",\n "id":1, "result": {"a": 1.0, "a ": "\xc3\xbc"}}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), (b"x-own", b"kept")]
    answer = await ask(answering(200, headers, [body]))
    assert answer.body == body
    assert answer.one("content-type") == "application/json"
    assert answer.one("content-length") == str(len(body))
    assert answer.one("x-own") == "kept"
    assert answer.one("cache-control") == "no-store"


async def test_the_upstream_s_own_cache_control_is_kept_for_json():
    answer = await ask(answering(200, [(b"cache-control", b"private")]))
    assert answer.one("cache-control") == "private"


@pytest.mark.parametrize("parts", [(EVENTS, EVENTS), (EVENTS[:7], EVENTS[7:]), (b"data: x\r", b"\n\r", b"\n")])
async def test_an_event_stream_goes_out_part_by_part_as_it_came(parts):
    answer = await ask(streaming(*parts))
    assert answer.parts == [*parts, b""]
    assert answer.is_complete


@pytest.mark.requirement("T18")
async def test_an_event_stream_is_marked_so_that_nothing_holds_it_back():
    answer = await ask(streaming(EVENTS, headers=[(b"cache-control", b"public"), (b"content-length", b"5")]))
    assert answer.one("x-accel-buffering") == "no"
    assert answer.one("cache-control") == "no-cache, no-transform"
    assert answer.one("content-length") is None


@pytest.mark.parametrize(
    "name",
    [
        "server",
        "set-cookie",
        "www-authenticate",
        "location",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "strict-transport-security",
        "clear-site-data",
        "connection",
        "transfer-encoding",
        "keep-alive",
        "x-accel-redirect",
        "x-accel-buffering",
        "x-sendfile",
        "x-powered-by",
        "x-request-id",
        "via",
        "Set-Cookie",
    ],
)
async def test_what_an_upstream_must_not_say_in_our_name_stays_inside(name):
    answer = await ask(answering(200, [(name.encode(), b"evil")]))
    assert answer.status == 200
    assert not any(value == b"evil" for _, value in answer.headers)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 406, 409, 429, 500, 503])
async def test_other_verdicts_of_the_upstream_pass_unchanged(status):
    answer = await ask(answering(status, [(b"retry-after", b"9"), (b"allow", b"POST")], [b'{"e":1}']))
    assert (answer.status, answer.body) == (status, b'{"e":1}')
    assert answer.one("retry-after") == "9"
    assert answer.one("allow") == "POST"


@pytest.mark.requirement("T7")
async def test_an_accepted_notification_has_neither_body_nor_type():
    answer = await ask(answering(202, [(b"content-type", b"application/json"), (b"content-length", b"0")], [b""]))
    assert (answer.status, answer.body) == (202, b"")
    assert answer.one("content-type") is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_the_upstream_never_leaves(status):
    answer = await ask(answering(status, [(b"location", b"http://127.0.0.1:9000/mcp/")], [b"moved"]))
    assert answer.status == 502
    assert answer.one("location") is None
    assert answer.json["error"]["data"]["fault"] == "not_mcp"
    assert answer.json["id"] == 1


async def test_an_upstream_that_wants_credentials_does_not_send_the_client_to_sign_in_again():
    answer = await ask(answering(401, [(b"www-authenticate", b"Bearer")], [b"no"]))
    assert answer.status == 502
    assert answer.one("www-authenticate") is None
    assert "401" in answer.json["error"]["message"]


async def test_an_upstream_that_breaks_over_a_refused_answer_is_reported_for_the_answer():
    async def handle(call, receive, send):
        await send({"type": "http.response.start", "status": 307, "headers": []})
        raise ExceptionGroup("a framework", [RuntimeError("could not write")])

    answer = await ask(Recording(handle))
    assert answer.status == 502
    assert "307" in answer.json["error"]["message"]


async def test_messages_beyond_the_two_known_ones_are_not_passed_on():
    async def handle(call, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.trailers"})
        await send({"type": "http.response.body", "body": b"{}"})

    assert (await ask(Recording(handle))).body == b"{}"


async def test_twenty_megabytes_in_one_event_pass_without_being_gathered():
    part = b"x" * 65536
    sent = 0

    async def handle(call, receive, send):
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for _ in range(320):
            await send({"type": "http.response.body", "body": part, "more_body": True})
            sent += 1
        await send({"type": "http.response.body", "body": b"\n\n"})

    class Counting(Answer):
        async def take(self, message):
            if message["type"] == "http.response.body" and message["body"]:
                assert message["body"] is part or message["body"] == b"\n\n"
                self.is_complete = not message.get("more_body", False)
                # Each part is out before the upstream may send the next: nothing piles up.
                assert len(self.parts) == sent
                self.parts.append(b"")
            else:
                self.status = 200

    front = Front(Recording(handle), auth="none")
    answer = Counting()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "query_string": b"",
        "headers": [(b"host", b"mcp.example.com"), (b"content-type", b"application/json")],
    }
    await front.door(scope, arriving(b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}'), answer.take)
    assert len(answer.parts) == 321
    assert answer.is_complete


async def test_a_modern_stream_carries_no_session_and_passes_as_it_is():
    front = Front(streaming(EVENTS, headers=[(b"mcp-session-id", b"x")]), auth="none")
    answer = await front.ask(modern(), headers=modern_headers())
    assert answer.one("mcp-session-id") is None
    assert answer.body == EVENTS
