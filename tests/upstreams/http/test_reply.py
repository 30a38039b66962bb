from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from upstreams.http_upstreams import LIST, RESULT, fault_of, in_front_of, upstream_at
from upstreams.recorder import ask, call, modern
from upstreams.servers import Visit, hostile

from doorward.errors import UpstreamError
from doorward.upstreams.http import reply as http_reply


async def test_the_slash_an_upstream_redirects_to_is_followed_and_remembered() -> None:
    seen: list[bytes] = []

    async def handler(visit: Visit) -> None:
        while True:
            head, body = await visit.request()
            seen.append(head.split(b"\r\n")[0] + b" " + body)
            if head.startswith(b"POST /mcp "):
                # The framework believes the forwarded scheme and host, as FastAPI behind a proxy does.
                await visit.answer(b"", "307 Temporary Redirect", more="location: https://mcp.example.com/mcp/\r\n")
            else:
                await visit.answer(RESULT)

    async with in_front_of(handler) as upstream:
        headers = ((b"x-forwarded-host", b"mcp.example.com"),)
        assert (await ask(upstream, call(b"1", headers=headers))).body == RESULT
        assert (await ask(upstream, call(b"2", headers=headers))).body == RESULT
    assert [line.replace(b" HTTP/1.1", b"") for line in seen] == [b"POST /mcp 1", b"POST /mcp/ 1", b"POST /mcp/ 2"]


@pytest.mark.parametrize("location", ["/mcp/?affinity={}", "/mcp/{}", "/{}/mcp", "/mcp/?", "/mcp;{}/"])
async def test_nothing_of_one_user_s_redirect_is_used_for_another(location: str) -> None:
    served: list[str] = []

    async def handler(visit: Visit) -> None:
        while True:
            head, body = await visit.request()
            user = json.loads(body)["params"]["name"]
            target = head.split(b" ")[1].decode()
            if target in {"/mcp?tenant=7", "/mcp/?tenant=7"}:
                await visit.answer(b"moved", "307 X", more=f"location: {location.format(user)}\r\n")
            else:
                served.append(f"{user} {target}")
                await visit.answer(RESULT)

    async with hostile(handler) as port, upstream_at(port, "/mcp?tenant=7") as upstream:
        for user in ("alice", "bob", "alice"):
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": user}}
            with contextlib.suppress(UpstreamError):
                await ask(upstream, call(body, share=user))
            assert upstream._target in {"/mcp?tenant=7", "/mcp/?tenant=7"}
    for line in served:
        user, target = line.split(" ")
        assert {"alice": "bob", "bob": "alice"}[user] not in target


async def test_a_remembered_slash_keeps_the_query_that_the_operator_wrote() -> None:
    seen: list[bytes] = []

    async def handler(visit: Visit) -> None:
        while True:
            head, _ = await visit.request()
            seen.append(head.split(b" ")[1])
            if head.startswith(b"POST /mcp?"):
                await visit.answer(b"moved", "308 X", more="location: /mcp/?tenant=7&once=1\r\n")
            else:
                await visit.answer(RESULT)

    async with hostile(handler) as port, upstream_at(port, "/mcp?tenant=7") as upstream:
        for _ in range(2):
            await ask(upstream, call(LIST))
    assert seen == [b"/mcp?tenant=7", b"/mcp/?tenant=7&once=1", b"/mcp/?tenant=7"]


@pytest.mark.parametrize("status", ["204 No Content", "205 Reset Content"])
@pytest.mark.parametrize("framing", ["", "content-length: 0\r\n", "content-length: 5\r\n"])
async def test_a_status_without_content_answers_no_request(status: str, framing: str) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{framing}\r\n".encode())
        await visit.gone()

    async with in_front_of(handler) as upstream:
        error = await fault_of(upstream)
    assert (error.fault, status[:3] in error.detail) == ("not_mcp", True)


@pytest.mark.parametrize(
    ("status", "lengths"), [("204 No Content", None), ("205 Reset Content", b"0"), ("200 OK", b"0")]
)
async def test_an_ended_session_is_acknowledged_with_the_framing_of_its_status(
    status: str, lengths: bytes | None
) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(f"HTTP/1.1 {status}\r\n{'' if lengths is None else 'content-length: 0'}\r\n\r\n".encode())
        await visit.gone()

    async with in_front_of(handler) as upstream:
        answer = await ask(upstream, call(method="DELETE", session="s"))
    assert (answer.status, answer.headers.get(b"content-length")) == (int(status[:3]), lengths)


@pytest.mark.parametrize(
    ("status", "location"),
    [
        ("307 X", "http://attacker.example/mcp/"),
        ("308 X", "http://127.0.0.1:1/mcp/"),
        ("307 X", "//attacker.example/mcp/"),
        ("307 X", "/mcp"),
        ("307 X", ""),
        ("302 X", "/login"),
        ("301 X", "/mcp/"),
    ],
)
@pytest.mark.requirement("S-05")
async def test_no_redirect_leads_to_another_origin_or_in_a_circle(status: str, location: str) -> None:
    visits = []

    async def handler(visit: Visit) -> None:
        while True:
            visits.append(await visit.request())
            await visit.answer(b"", status, more=f"location: {location}\r\n")

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "not_mcp"
    assert len(visits) == 1


@pytest.mark.parametrize("status", ["404 Not Found", "400 Bad Request"])
async def test_a_compressed_refusal_keeps_its_status_and_loses_its_body(status: str) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"\x1f\x8b not for us", status, more="content-encoding: gzip\r\n")

    async with in_front_of(handler) as upstream:
        answer = await ask(upstream, call(LIST))
    assert (answer.status, answer.body) == (int(status[:3]), b"")


@pytest.mark.parametrize(
    "location", ["http://u:hunter2@other.example/in?key=hunter2", "/login?key=hunter2", "/login#hunter2", "//h?hunter2"]
)
async def test_the_credentials_in_a_redirect_are_masked_in_the_evidence(location: str) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"", "302 X", more=f"location: {location}\r\n")

    async with in_front_of(handler) as upstream:
        fault = await fault_of(upstream)
    assert "***" in str(fault)
    assert "hunter2" not in str(fault)


@pytest.mark.requirement("S-05", weak=True)
async def test_a_hop_that_looks_only_at_the_path_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_reply, "_same_host", lambda *_: True)
    visits = []

    async def handler(visit: Visit) -> None:
        while True:
            visits.append(await visit.request())
            await visit.answer(b"", "307 X", more="location: http://attacker.example/mcp/\r\n")

    async with in_front_of(handler) as upstream:
        await fault_of(upstream)
    assert len(visits) > 1


async def test_a_redirect_that_redirects_is_given_up() -> None:
    async def handler(visit: Visit) -> None:
        while True:
            head, _ = await visit.request()
            other = "/a" if b" /mcp " in head else "/b"
            await visit.answer(b"", "307 X", more=f"location: {other}\r\n")

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "not_mcp"


@pytest.mark.parametrize(
    ("status", "kind", "more", "word"),
    [
        ("200 OK", "text/html", "", "text/html"),
        ("200 OK", "text/plain", "", "text/plain"),
        ("200 OK", "application/json", "content-encoding: gzip\r\n", "compresses"),
        ("404 Not Found", "text/html; charset=utf-8", "", "404"),
        ("403 Forbidden", "text/html", "", "403"),
        ("502 Bad Gateway", "text/html", "", "502"),
        ("500 Oh", "text/plain", "", "500"),
        ("401 Unauthorized", "application/json", "www-authenticate: Bearer\r\n", "credentials of its own"),
        ("407 Proxy", "application/json", "", "credentials of its own"),
    ],
)
async def test_what_no_mcp_client_can_use_is_a_fault(status: str, kind: str, more: str, word: str) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"<html>", status, kind, more)

    async with in_front_of(handler) as upstream:
        error = await fault_of(upstream)
    assert error.fault == "not_mcp"
    assert word in error.detail


async def test_an_upstreams_challenge_and_cookies_never_reach_the_client() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        more = "www-authenticate: Bearer\r\nset-cookie: a=b\r\nserver: x\r\nmcp-session-id: s1\r\nretry-after: 3\r\n"
        await visit.answer(RESULT, "403 Forbidden", more=more)

    async with in_front_of(handler) as upstream:
        answer = await ask(upstream, call(LIST))
    assert answer.status == 403
    assert set(answer.headers) == {b"content-type", b"content-length", b"mcp-session-id", b"retry-after"}


async def test_plain_text_of_a_client_error_keeps_its_status_so_that_clients_fall_back() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"Bad Request: \x1b[31mno\n", "400 Bad Request", "text/plain; charset=utf-8")

    async with in_front_of(handler) as upstream:
        answer = await ask(upstream, modern("server/discover", rpc_id="d"))
    assert answer.status == 400
    assert answer.json() == {
        "jsonrpc": "2.0",
        "id": "d",
        "error": {"code": -32600, "message": "The MCP server answered 400: Bad Request:  [31mno"},
    }


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (call({"jsonrpc": "2.0", "method": "notifications/initialized"}), "202 Accepted"),
        (call({"jsonrpc": "2.0", "method": "notifications/initialized"}), "200 OK"),
        (call(method="GET", session="s"), "405 Method Not Allowed"),
        (call(method="DELETE", session="s"), "200 OK"),
    ],
)
async def test_a_word_of_text_where_none_is_due_is_dropped(request_: Any, status: str) -> None:
    async def handler(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.answer(b"Accepted", status, "text/plain")

    async with in_front_of(handler) as upstream:
        answer = await ask(upstream, request_)
        again = await ask(upstream, request_)
    assert (answer.body, again.body, answer.headers) == (b"", b"", {b"content-length": b"0"})
    assert answer.status == (405 if request_.method == "GET" else 200 if request_.method == "DELETE" else 202)
