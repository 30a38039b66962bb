"""The verdict on what went over a connection: each way of answering wrongly is noticed, and the right one passes."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from framing.maker import Maker, length
from framing.verdict import Judge, Wire, call_body, crossed, strays, tag_of

HOST = b"door"
TOKENS = {"mallory": b"m-token", "bob": b"b-token"}
MAKE = Maker("here", HOST, TOKENS)
JUDGE = Judge({token: user for user, token in TOKENS.items()}, HOST)
MINE, HIS = tag_of("mallory", "here", 1), tag_of("bob", "here", 2)


def asks(user: str = "mallory", tag: str = MINE, *lines: bytes) -> bytes:
    return MAKE.call(*lines, user=user, body=call_body(tag))


def reply(tag: str = MINE, user: str = "mallory", status: bytes = b"200 OK", *, fields: bytes = b"") -> bytes:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tag": tag, "user": user}}).encode()
    return b"HTTP/1.1 %b\r\n%b%b\r\n\r\n%b" % (status, fields, length(body), body)


def plain(status: bytes, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status, length(body), body)


def faults(sent: bytes, received: bytes, *, server_ended: bool = False, client_ended: bool = False) -> list[str]:
    return JUDGE.judge(Wire(sent, received, server_ended, client_ended)).faults


def test_one_right_answer_to_each_request_is_good():
    verdict = JUDGE.judge(Wire(asks() + asks("bob", HIS), reply() + reply(HIS, "bob")))
    assert verdict.faults == []
    assert verdict.at_rest
    assert verdict.meant == Counter({("mallory", MINE): 1, ("bob", HIS): 1})
    assert faults(asks() + b"NONSENSE\r\n\r\n", reply() + plain(b"400 Bad")) == []
    assert faults(asks(), plain(b"502 Bad", b'{"error":{"data":{"fault":"reset"}}}')) == []


HIDDEN = b"POST /none HTTP/1.1\r\nHost: door\r\n"


@pytest.mark.parametrize(
    ("sent", "received", "why"),
    [
        (asks(), reply() + reply(), "a further answer"),
        (HIDDEN + length(asks()) + b"\r\n\r\n" + asks(), plain(b"404 No") + reply(), "a further answer"),
        (b"NONSENSE\r\n\r\n", plain(b"200 OK"), "a further answer"),
        (b"POST /mcp HTTP/1.1\r\n", plain(b"400 Bad") * 2, "a further answer"),
        (asks(), reply(HIS), "belongs to"),
        (asks(), reply(user="bob"), "belongs to"),
        (asks() + asks("bob", HIS), reply(HIS, "bob") + reply(), "belongs to"),
        (asks("mallory", MINE, b"X-Answer: odd"), reply(HIS), "belongs to"),
        (asks(), plain(b"200 OK", b"{}"), "no answer to the call"),
        (asks(), plain(b"401 No"), "refuses a good call"),
        (asks(), plain(b"500 Bug"), "is 500"),
        (asks(), b"HTTP/1.1 103 E\r\n\r\n" + reply(), "interim status 103"),
        (asks(), reply() + b"garbage\r\n\r\n", "no HTTP/1.1"),
    ],
)
def test_a_wrong_answer_is_noticed(sent, received, why):
    assert any(why in each for each in faults(sent, received)), faults(sent, received)


@pytest.mark.parametrize("spelled", [b"Bearer  b-token", b"bearer b-token", b"BEARER   b-token"])
def test_a_token_counts_in_every_spelling_that_http_allows(spelled):
    sent = asks("bob", HIS).replace(b"Bearer b-token", spelled)
    assert spelled in sent
    assert faults(sent, reply(HIS, "bob")) == []
    assert faults(sent, reply(HIS, "mallory")) != []


def test_a_request_that_is_left_without_an_answer_is_noticed():
    assert "closed instead" in faults(asks() * 2, reply(), server_ended=True)[0]
    assert faults(asks() * 2, reply(), server_ended=True, client_ended=True) == []
    assert faults(asks() * 2, reply(fields=b"connection: close\r\n"), server_ended=True) == []
    assert JUDGE.judge(Wire(asks() * 2, reply())).owed == 1


def test_a_call_inside_another_body_is_none():
    wire = Wire(HIDDEN + length(asks()) + b"\r\n\r\n" + asks(), plain(b"404 No"))
    assert JUDGE.judge(wire).meant == Counter()
    assert strays(Counter({("mallory", MINE): 1}), Counter())
    assert strays(Counter({("mallory", MINE): 2}), Counter({("mallory", MINE): 1}))
    assert strays(Counter({("mallory", MINE): 1}), Counter({("mallory", MINE): 1})) == []


def test_a_tag_of_somebody_else_is_noticed_whatever_is_around_it():
    assert crossed(b"garbage " + HIS.encode() + b" garbage", [MINE])
    assert crossed(b"garbage " + HIS.encode()[:-1], [MINE]) == []
    assert crossed(MINE.encode(), [MINE]) == []
