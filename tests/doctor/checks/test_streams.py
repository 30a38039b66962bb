"""Streams: by what a server and what is before it make of them, and the two that hide in a quick test over a socket."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from doctor.examining import URL, only, rules_of

from doorward.doctor.checks import streams
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Response
from doorward.doctor.engine.run import STAGES, Stage, examine
from doorward.doctor.network.sending import Network
from testbed.answers import event, reply, rpc_error
from testbed.good import Good, LegacyOpen, LegacyWithSignIn, ModernOpen, Open
from testbed.serving import serving

STREAM = {"content-type": "text/event-stream"}
TIMEOUT = Response(0, fault="timeout", sentence="It did not answer.")


async def examined(server: Good, **picture):
    return await examine(Picture(URL, **{"token": server.hand_out(), **picture}), server.send)


class AtGet(LegacyWithSignIn):
    """GET with a token is answered in its own way."""

    answer = reply(405, {}, allow="POST")

    def other_method(self, request):
        return self.answer if request.method == "GET" else super().other_method(request)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (reply(405, {}, allow="POST"), []),
        (Response(200, STREAM), []),
        (reply(401, {}), []),
        (TIMEOUT, ["STR-01"]),
        (reply(200, {"name": "my server"}), ["TRN-04"]),
        (reply(400, {}), ["TRN-04"]),
        (reply(404, b"nothing", "text/plain"), ["TRN-04"]),
        (reply(500, {}), ["TRN-04"]),
    ],
)
async def test_each_answer_to_get_after_the_handshake_is_judged(answer, found):
    class Server(AtGet):
        pass

    Server.answer = answer
    assert rules_of(await examined(Server())) == found


class Listening(ModernOpen):
    """subscriptions/listen is answered in its own way, and in another one when it may be packed."""

    plain: Response | None = None
    packed: Response | None = None

    def listening(self, request, message):
        chosen = self.packed if "accept-encoding" in request.headers else self.plain
        return chosen or super().listening(request, message)


GZIP = STREAM | {"content-encoding": "gzip"}
BR = STREAM | {"content-encoding": "br"}
HELD = {"fault": "timeout", "elapsed_seconds": 3.0}


@pytest.mark.parametrize(
    ("plain", "packed", "found"),
    [
        (None, None, []),
        (TIMEOUT, None, ["STR-01"]),
        (Response(200, STREAM, **HELD), None, ["STR-01"]),
        (reply(404, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601}}), None, []),
        (None, Response(200, GZIP, **HELD), ["STR-02"]),
        (None, Response(200, BR, **HELD), ["STR-02"]),
        (None, Response(200, BR, b"\x8b\x01", arrivals=((0.1, 2),), **HELD), []),
        (None, Response(200, GZIP, b"notifications/subscriptions/acknowledged"), []),
        (None, Response(200, STREAM, b"notifications/subscriptions/acknowledged"), []),
    ],
)
async def test_a_stream_that_brings_no_event_is_told_from_one_that_is_not_there(plain, packed, found):
    class Server(Listening):
        pass

    Server.plain, Server.packed = plain, packed
    assert [rule for rule in rules_of(await examined(Server())) if rule != "VER-03"] == found


class Streaming(LegacyOpen):
    """Answers are streams, spelled and packed in some way."""

    def body(self, message):
        return event(message)

    def answered(self, message, value, **headers):
        answer = super().answered(message, value, **headers)
        return replace(answer, headers={**answer.headers, **STREAM}, body=self.body(answer.json))


async def test_answers_that_are_packed_streams_are_a_risk_where_nothing_stays_open():
    class Packing(Streaming):
        def legacy(self, request, message):
            answer = super().legacy(request, message)
            packed = "gzip" in request.headers.get("accept-encoding", "")
            return replace(answer, headers={**answer.headers, "content-encoding": "gzip"}) if packed else answer

    assert rules_of(await examined(Streaming())) == []
    finding = only(await examined(Packing()))
    assert (finding.rule, finding.verdict) == ("STR-02", "risk")


async def test_packed_answers_are_a_risk_at_a_server_of_the_newer_era_alone_too():
    class Packing(ModernOpen):
        def listening(self, request, message):
            return rpc_error(404, -32601, message["id"])

        def modern(self, request, message):
            answer = super().modern(request, message)
            if answer.status != 200:
                return answer
            packed = "gzip" in request.headers.get("accept-encoding", "")
            coding = {"content-encoding": "gzip"} if packed else {}
            return replace(answer, headers={**answer.headers, **STREAM, **coding}, body=event(answer.json))

    assert ("STR-02", "risk") in {(each.rule, each.verdict) for each in (await examined(Packing())).findings}


@pytest.mark.parametrize(
    ("spelled", "verdict"),
    [
        (lambda good: good, None),
        (lambda good: good.replace(b"\n", b"\r\n"), None),
        (lambda good: b": hello\n\nid: 1\ndata:\n\n" + good, None),
        (lambda good: good[:-1], "broken"),
        (lambda good: good.replace(b"event: message", b"event: response"), "broken"),
        (lambda good: good.replace(b"data: {", b"data: x{"), "broken"),
        (lambda good: good.replace(b"\n", b"\r"), "risk"),
        (lambda good: b"\xef\xbb\xbf" + good, "risk"),
        (lambda good: good.replace(b', "result"', b',\ndata: "result"'), "risk"),
    ],
)
async def test_each_spelling_of_events_is_judged(spelled, verdict):
    class Spelled(Streaming):
        def called(self, message, members):
            answer = super().called(message, members)
            return replace(answer, body=spelled(answer.body)) if message["method"] == "tools/list" else answer

    findings = [each for each in (await examined(Spelled())).findings if each.rule == "STR-04"]
    assert [finding.verdict for finding in findings] == ([verdict] if verdict else [])


async def test_events_that_took_their_time_and_come_in_one_burst_are_a_risk():
    class Bursting(LegacyOpen):
        late = True

        def called(self, message, members):
            answer = super().called(message, members)
            if message["method"] != "tools/call":
                return answer
            said = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}
            body = event(said) + event(said) + event(answer.json)
            arrivals = ((9.9, len(body)),) if self.late else ((3.0, 50), (6.0, 50), (9.9, len(body) - 100))
            headers = {**answer.headers, **STREAM}
            return replace(answer, headers=headers, body=body, elapsed_seconds=10.0, arrivals=arrivals)

    finding = only(await examined(Bursting()))
    assert (finding.rule, finding.verdict) == ("STR-01", "risk")
    assert "< x-accel-buffering: missing" in finding.evidence
    Bursting.late = False
    assert rules_of(await examined(Bursting())) == []


BEATS = tuple((15.0 * number, 5) for number in range(1, 5))


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ({"fault": "timeout", "elapsed_seconds": 130.0}, None),
        ({"fault": "cut", "elapsed_seconds": 60.0}, "60 of them silent (nginx"),
        ({"fault": "cut", "elapsed_seconds": 100.5}, "100 of them silent (Cloudflare"),
        ({"fault": "cut", "elapsed_seconds": 62.0, "arrivals": BEATS}, "2 of them silent"),
        ({"elapsed_seconds": 0.1, "arrivals": ((0.0, 10),)}, None),
        ({"elapsed_seconds": 45.0}, "45 of them silent"),
    ],
)
@pytest.mark.parametrize("kind", [LegacyOpen, ModernOpen])
async def test_a_stream_that_is_left_open_is_judged_by_its_end(end, words, kind):
    class Server(kind):
        def other_method(self, request):
            if request.method != "GET":
                return super().other_method(request)
            return Response(200, STREAM) if request.until == b"" else Response(200, STREAM, **end)

        def listening(self, request, message):
            left_open = (request.limit_seconds or 0) > 100
            return Response(200, STREAM, **end) if left_open else super().listening(request, message)

    findings = [each for each in (await examined(Server(), repeat=1)).findings if each.rule == "STR-03"]
    assert [words in finding.summary for finding in findings] == ([True] if words else [])


@asynccontextmanager
async def proxied(kind: type[Good], pass_on):
    """Run a server with a proxy in front; `pass_on(reader, writer)` brings the answers."""
    async with serving(kind) as url:
        port = int(url.split(":")[2].split("/")[0])

        async def handle(reader, writer):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                inner_writer.write(head + await reader.readexactly(length))
                await pass_on(head, inner_reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                inner_writer.transport.abort()
                writer.close()

        proxy = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with proxy:
            yield url.replace(str(port), str(proxy.sockets[0].getsockname()[1]))


async def through(kind: type[Good], pass_on, held=lambda _: False) -> list[tuple[str, str]]:
    """Examine the streams of a server behind a proxy, with a patience of milliseconds for what is `held` back."""
    stages = [each for each in STAGES if each.name in {"network", "protocol"}]
    stages.append(Stage("streams", "streams", (streams.held_back,)))
    async with proxied(kind, pass_on) as url:
        network = Network(allow_private=True, timeout_seconds=5)

        async def send(request):
            return await network.send(replace(request, limit_seconds=0.2 if held(request) else 20.0))

        report = await examine(Picture(url), send, stages=stages)
    assert not report.crashed
    return [(finding.rule, finding.verdict) for finding in report.findings]


async def plainly(_head, reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def buffering(_head, reader, writer):
    writer.write(await reader.read())
    await writer.drain()


async def packing(head, reader, writer):
    """Pack event streams without a flush, as a gzip layer does that was made for pages."""
    if b"accept-encoding: gzip" not in head:
        await plainly(head, reader, writer)
        return
    answer = await reader.readuntil(b"\r\n\r\n")
    packer = zlib.compressobj(wbits=31)
    fields = [line for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n") if not line.startswith(b"transfer-encoding")]
    writer.write(b"\r\n".join([*fields, b"content-encoding: gzip", b"", b""]))
    while data := await reader.read(65536):
        writer.write(packer.compress(data))
        await writer.drain()


async def test_over_a_real_socket_a_stream_passes_a_proxy_that_leaves_it_alone():
    assert await through(Open, plainly) == []


async def test_over_a_real_socket_a_proxy_that_buffers_is_seen():
    assert await through(Open, buffering, lambda request: request.until) == [("STR-01", "broken")]


async def test_over_a_real_socket_packing_without_a_flush_is_seen():
    assert await through(Open, packing, lambda request: "accept-encoding" in request.headers) == [("STR-02", "broken")]
