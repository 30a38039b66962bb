from __future__ import annotations

import json
import logging

import pytest
from door.fronts import Front, legacy, modern, modern_headers

from doorward.door.inbound import HeaderSorter
from doorward.logs import JsonFormatter, TextFormatter, trace_id

SPOOFED = [
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-for",
    "x-forwarded-prefix",
    "x-forwarded-email",
    "x_forwarded_host",
    "x-real-ip",
    "x-user",
    "x-user-id",
    "x-remote-user",
    "remote-user",
    "remote_user",
    "x-auth-request-email",
    "x-goog-authenticated-user-email",
    "x-amzn-oidc-identity",
    "x-ms-client-principal",
    "cf-access-authenticated-user-email",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-request-id",
    "via",
    "true-client-ip",
]


@pytest.mark.parametrize("name", SPOOFED)
async def test_no_one_can_claim_to_be_someone_or_somewhere_else(open_front, name):
    await open_front.ask(legacy(), headers={name: "evil"}, more=[(name.encode(), b"evil, evil")])
    assert not any(b"evil" in value for _, value in open_front.upstream.last.headers)


@pytest.mark.requirement("X2")
@pytest.mark.parametrize("name", ["cookie", "proxy-authorization", "proxy", "dpop", "referer", "sec-fetch-site"])
async def test_credentials_and_browser_context_stay_at_the_door(open_front, name):
    await open_front.ask(legacy(), headers={name: "secret"})
    assert not open_front.upstream.got(name)


@pytest.mark.parametrize(
    "name",
    [
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "keep-alive",
        "expect",
        "accept-encoding",
        "content-length",
        "host",
    ],
)
async def test_headers_of_this_hop_stay_on_this_hop(open_front, name):
    headers = {} if name in {"content-length", "host"} else {name: "x"}
    await open_front.ask(legacy(), headers=headers)
    assert not open_front.upstream.got(name)


@pytest.mark.parametrize("lines", [["keep-alive", "x-hop"], ["x-hop", "keep-alive"], ["close , X-Hop"], ["", "x-hop "]])
async def test_every_line_of_connection_counts(open_front, lines):
    more = [(b"connection", line.encode()) for line in lines]
    assert (await open_front.ask(legacy(), headers={"x-hop": "1"}, more=more)).status == 200
    assert not open_front.upstream.got("x-hop")


@pytest.mark.parametrize("lines", [["203.0.113.9"], ["6.6.6.6", "203.0.113.9"], ["6.6.6.6, 6.6.6.7", " 203.0.113.9 "]])
async def test_the_client_is_the_last_one_that_the_trusted_proxy_names_on_whichever_line(lines):
    front = Front(auth="none", trusted_proxies=("192.0.2.7",))
    await front.ask(legacy(), more=[(b"x-forwarded-for", line.encode()) for line in lines])
    assert front.upstream.got("x-forwarded-for") == ["203.0.113.9"]


@pytest.mark.parametrize(
    ("name", "lines", "status"),
    [
        ("accept", ["text/plain", "application/json"], 200),
        ("accept", ["text/plain", "text/html"], 406),
        ("content-encoding", ["identity", "identity"], 200),
        ("content-encoding", ["identity", "gzip"], 415),
        ("content-type", ["application/json", "application/json"], 415),
        ("content-length", ["58", "58"], 400),
        ("host", ["mcp.example.com", "mcp.example.com"], 421),
        ("origin", ["https://claude.ai", "https://claude.ai"], 403),
    ],
)
async def test_no_header_is_judged_by_its_first_line(open_front, name, lines, status):
    more = [(name.encode(), line.encode()) for line in lines]
    assert (await open_front.ask(legacy(), headers={name: None}, more=more)).status == status


@pytest.mark.parametrize("blanks", [" ", "\t", " \t "])
async def test_blanks_around_a_value_mean_nothing_under_any_server(open_front, blanks):
    around = {"host": "mcp.example.com", "origin": "https://claude.ai", "content-type": "application/json"}
    around["content-length"] = str(len(json.dumps(legacy())))
    headers = {name: f"{blanks}{value}{blanks}" for name, value in around.items()}
    assert (await open_front.ask(legacy(), headers=headers)).status == 200


async def test_a_trace_with_two_parents_is_none(open_front, caplog):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with caplog.at_level(logging.DEBUG, "doorward"):
        await open_front.ask(legacy(), headers={"traceparent": trace}, more=[(b"traceparent", trace.encode())])
        assert trace_id.get() == ""


async def test_what_connection_names_is_removed_but_not_what_the_door_relies_on(open_front):
    nominated = "close, X-Hop, mcp-protocol-version, mcp-method, content-type"
    headers = {**modern_headers(), "connection": nominated, "x-hop": "1", "x-kept": "2"}
    assert (await open_front.ask(modern(), headers=headers)).status == 200
    assert not open_front.upstream.got("x-hop")
    assert not open_front.upstream.got("connection")
    assert open_front.upstream.got("x-kept") == ["2"]
    assert open_front.upstream.got("mcp-protocol-version") == ["2026-07-28"]
    assert open_front.upstream.got("mcp-method") == ["tools/list"]


async def test_a_plain_connection_header_removes_nothing(open_front):
    await open_front.ask(legacy(), headers={"connection": "keep-alive", "x-kept": "2"})
    assert open_front.upstream.got("x-kept") == ["2"]


@pytest.mark.requirement("T17")
async def test_mirrored_parameters_trace_context_and_the_rest_go_up_untouched(open_front):
    sent = {
        "mcp-param-day": "=?base64?bW9u?=",
        "mcp-param-unknown": "1",
        "traceparent": "00-1-2-03",
        "user-agent": "client/1",
        "x-custom": "kept",
    }
    await open_front.ask(modern(), headers={**modern_headers(), **sent})
    for name, value in sent.items():
        assert open_front.upstream.got(name) == [value]


async def test_the_public_address_is_told_from_the_settings(open_front):
    await open_front.ask(legacy())
    assert open_front.upstream.got("x-forwarded-host") == ["mcp.example.com"]
    assert open_front.upstream.got("x-forwarded-proto") == ["https"]
    assert open_front.upstream.got("x-forwarded-for") == ["192.0.2.7"]


@pytest.mark.parametrize(
    ("trusted", "claimed", "address"),
    [
        ((), "203.0.113.9", "192.0.2.7"),
        (("192.0.2.0/24",), "203.0.113.9", "203.0.113.9"),
        (("192.0.2.7",), "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (("192.0.2.7", "203.0.113.0/24"), "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (("192.0.2.7",), "not an address", "192.0.2.7"),
        (("192.0.2.7",), "198.51.100.1, ", "192.0.2.7"),
        (("192.0.2.7",), "2001:DB8::1", "2001:db8::1"),
        (("10.0.0.0/8",), "203.0.113.9", "192.0.2.7"),
    ],
)
async def test_a_forwarded_address_counts_as_far_as_listed_proxies_vouch_for_it(trusted, claimed, address):
    front = Front(auth="none", trusted_proxies=trusted)
    await front.ask(legacy(), headers={"x-forwarded-for": claimed})
    assert front.upstream.got("x-forwarded-for") == [address]


async def test_without_a_peer_address_none_is_told():
    front = Front(auth="none", trusted_proxies=("192.0.2.7",))
    await front.ask(legacy(), client=None, headers={"x-forwarded-for": "203.0.113.9"})
    assert front.upstream.got("x-forwarded-for") == []


async def test_the_sorter_learns_names_only_up_to_a_bound(open_front):
    for round_ in range(3):
        await open_front.ask(legacy(), more=[(b"x-name-%d-%d" % (round_, n), b"v") for n in range(400)])
    await open_front.ask(legacy(), headers={"x-late": "kept", "x-user-late": "dropped"})
    assert open_front.upstream.got("x-late") == ["kept"]
    assert open_front.upstream.got("x-user-late") == []


def test_the_sorter_judges_long_names_without_keeping_them():
    sorter = HeaderSorter()

    def held() -> int:
        return sum(len(name) for name in sorter._actions)

    before = held()
    names = [b"x-%03d-" % number + b"n" * 10_000 for number in range(300)]
    inbound = sorter.sort([(name, b"v") for name in (*names, b"x-user-" + b"n" * 10_000)])
    assert [line[0] for line in inbound.forwarded] == names
    assert held() == before


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("sent", "trace"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-01", TRACE),
        (f"cc-{TRACE}-b7ad6b7169203331-01-what.later.versions.add", TRACE),
        (f"ff-{TRACE}-b7ad6b7169203331-01", ""),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", ""),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        ("nonsense\x1b[31m", ""),
        (None, ""),
    ],
)
async def test_a_trace_goes_on_as_it_came_and_is_in_our_log(open_front, sent, trace):
    await open_front.ask(legacy(), headers={"traceparent": sent, "tracestate": "vendor=1"})
    assert open_front.upstream.got("traceparent") == ([] if sent is None else [sent])
    assert open_front.upstream.got("tracestate") == ["vendor=1"]
    for formatter in (JsonFormatter(), TextFormatter()):
        line = formatter.format(logging.makeLogRecord({"msg": "event"}))
        assert ("trace_id" in line) == bool(trace)
        assert trace in line
