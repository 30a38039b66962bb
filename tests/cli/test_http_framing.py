"""A request that offers to switch protocols is one request, whatever its framing, and its connection stays in step."""

import asyncio

import pytest
from cli.raw_sockets import Echo, serving
from uvicorn.server import ServerState

from doorward.cli.http_framing import require
from doorward.cli.peer_protocol import PeerProtocol
from doorward.errors import StartError

pytestmark = pytest.mark.requirement("H-04")
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
WEBSOCKET = b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
INNER = b"GET /smuggled HTTP/1.1\r\nHost: door\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n"

OFFERS = {
    "h2c": H2C,
    "websocket": WEBSOCKET,
    "unknown": b"Connection: upgrade\r\nUpgrade: x\r\n",
    "TLS": b"Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n",
    "two lines": b"Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n",
    "two connection lines": b"Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: x\r\n",
    "without connection": b"Upgrade: x\r\n",
    "connection alone": b"Connection: Upgrade\r\n",
    "empty": b"Connection: Upgrade\r\nUpgrade:\r\n",
    "none": b"",
}
BODIES = {
    "length": (b"Content-Length: %d\r\n\r\n" % len(INNER) + INNER, INNER),
    "length behind blanks": (b"Content-Length: \t%d \t\r\n\r\n" % len(INNER) + INNER, INNER),
    "no length at all": (b"\r\n", b""),
    "length of zero": (b"Content-Length: 0\r\n\r\n", b""),
    "chunked": (b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(INNER), INNER), INNER),
    "chunked, nothing": (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
    "chunked, a trailer": (
        b"Transfer-Encoding: chunked\r\nTrailer: Upgrade\r\n\r\n2;a=b\r\n{}\r\n0\r\nUpgrade: x\r\nX-A: b\r\n\r\n",
        b"{}",
    ),
    "expected": (b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
}


async def exchange(pieces, *, app=None, protocol=None):
    """Send the pieces one segment each, and return what was asked and what was answered until the end."""
    app = app or Echo()
    kinds = {} if protocol is None else {"protocol": protocol}
    async with serving(app, **kinds) as (reader, writer):
        writer.get_extra_info("socket").setsockopt(6, 1, 1)
        for piece in pieces:
            writer.write(piece)
            for _ in range(5):
                await asyncio.sleep(0)
        try:
            received = await reader.read()
        except ConnectionError:
            received = b"(reset)"
    return app.asked, received


@pytest.mark.parametrize("method", [b"POST", b"GET", b"DELETE"])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("offer", OFFERS)
async def test_an_offer_to_switch_changes_nothing_about_the_framing(offer, body, method):
    head = method + b" /first HTTP/1.1\r\nHost: door\r\n" + OFFERS[offer]
    framed, content = BODIES[body]
    whole = head + framed + LAST
    ends = whole.index(b"\r\n\r\n") + 4
    cuts = {
        "one segment": [whole],
        "head and body apart": [whole[:ends], whole[ends:]],
        "inside the head": [whole[: ends - 3], whole[ends - 3 :]],
    }
    for cut, pieces in cuts.items():
        asked, received = await exchange(pieces)
        assert [each[:3] for each in asked] == [(method.decode(), "/first", content), ("GET", "/last", b"")], cut
        assert received.count(b"HTTP/1.1 200") == 2, cut
        assert received.count(b"HTTP/1.1 100 Continue") == (body == "expected"), cut
        assert b"/first=" + content in received


async def test_every_byte_may_be_a_segment_of_its_own():
    whole = b"POST /first HTTP/1.1\r\nHost: door\r\n" + H2C + BODIES["chunked"][0] + LAST
    asked, received = await exchange([whole[at : at + 1] for at in range(len(whole))])
    assert [each[:3] for each in asked] == [("POST", "/first", INNER), ("GET", "/last", b"")]
    assert received.count(b"HTTP/1.1 200") == 2


async def test_the_application_sees_no_offer():
    asked, _ = await exchange([b"POST /first HTTP/1.1\r\nHost: door\r\n" + H2C + BODIES["length"][0] + LAST])
    assert b"upgrade" not in asked[0][3]
    assert asked[0][3][b"http2-settings"] == b"AAEAAEAAAAIAAAAB"


async def test_many_offers_in_one_segment_are_as_many_requests():
    one = b"POST /first HTTP/1.1\r\nHost: door\r\n" + H2C + b"Content-Length: 2\r\n\r\n{}"
    asked, received = await exchange([one * 50 + LAST])
    assert len(asked) == 51
    assert received.count(b"/first={}") == 50


async def test_an_offer_in_http_1_0_ends_the_connection_with_its_answer():
    head = b"POST /first HTTP/1.0\r\n" + H2C
    asked, received = await exchange([head + BODIES["length"][0] + LAST])
    assert [each[:3] for each in asked] == [("POST", "/first", INNER)]
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in received


async def test_an_offer_with_connection_close_is_the_last_request():
    head = b"POST /first HTTP/1.1\r\nHost: door\r\nConnection: Upgrade, close\r\nUpgrade: x\r\n"
    asked, received = await exchange([head + BODIES["length"][0], INNER])
    assert [each[1] for each in asked] == ["/first"]
    assert received.count(b"HTTP/1.1 ") == 1


async def test_the_body_of_an_offer_that_nobody_reads_is_no_request():
    """The answer is complete before the body arrives, and the body is dropped up to its end."""
    head = b"POST /mute HTTP/1.1\r\nHost: door\r\n" + H2C + b"Content-Length: %d\r\n\r\n" % len(INNER)
    app = Echo()
    async with serving(app) as (reader, writer):
        writer.write(head)
        await reader.readuntil(b"/mute=")
        writer.write(INNER + LAST)
        rest = await reader.read()
    assert [each[1] for each in app.asked] == ["/mute", "/last"]
    assert rest.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: gzip\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length : 5\r\n\r\n",
    ],
    ids=["two lengths", "length and chunks", "unknown coding", "wrong chunk", "negative", "blank before the colon"],
)
async def test_a_wrong_framing_under_an_offer_closes_the_connection(wrong):
    _, received = await exchange([b"POST /first HTTP/1.1\r\nHost: door\r\n" + H2C + wrong + INNER + LAST])
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith(b"HTTP/1.1 400")
    assert b"/smuggled" not in received


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("cut", ["one segment", "head and body apart"])
@pytest.mark.parametrize("extra", [b"", H2C], ids=["plain", "with an offer"])
async def test_nothing_behind_connect_is_parsed(extra, cut, body):
    head = b"CONNECT /first HTTP/1.1\r\nHost: door\r\n" + extra
    whole = head + BODIES[body][0] + INNER + LAST
    ends = whole.index(b"\r\n\r\n") + 4
    asked, received = await exchange([whole] if cut == "one segment" else [whole[:ends], whole[ends:]])
    assert [each[:2] for each in asked] == [("CONNECT", "/first")]
    assert received.count(b"HTTP/1.1 200") in {0, 1}  # 0: our system throws it away when bytes arrive after the close
    assert b"/smuggled" not in received


async def test_an_authority_in_connect_is_answered_400():
    asked, received = await exchange([b"CONNECT inside.example:443 HTTP/1.1\r\nHost: inside.example\r\n\r\n" + INNER])
    assert asked == []
    assert received.startswith(b"HTTP/1.1 400")


async def test_between_workers_the_same_holds():
    head = b"POST /first HTTP/1.1\r\nHost: door\r\n" + H2C
    asked, received = await exchange([head + BODIES["length"][0] + LAST], protocol=PeerProtocol)
    assert [each[1] for each in asked] == ["/first", "/last"]
    assert received.count(b"HTTP/1.1 200") == 2


async def test_what_cannot_be_read_does_not_end_up_in_an_answer_under_way():
    begun, ends = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"event", "more_body": True})
        begun.set()
        await ends.wait()

    async with serving(app) as (reader, writer):
        writer.write(b"GET /first HTTP/1.1\r\nHost: door\r\n\r\n")
        await begun.wait()
        writer.write(b"\x00\x01 nonsense\r\n\r\n")
        received = await reader.read()
        ends.set()
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.endswith(b"5\r\nevent\r\n")


def test_the_installed_uvicorn_fits():
    require(ServerState)


def test_another_uvicorn_is_refused_with_what_to_install():
    class Renamed:
        def __init__(self):
            self.connections, self.tasks = set(), set()

    with pytest.raises(StartError) as refused:
        require(Renamed)
    assert "default_headers, total_requests" in str(refused.value)
    assert "uvicorn>=" in str(refused.value)
