from __future__ import annotations

import pytest

from doorward.fetching.errors import FetchError
from doorward.fetching.response import HEAD_LIMIT_BYTES, Reading

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"
SIZED = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@pytest.mark.parametrize("begin", [b"0\r\nx: ", b"0\r\n", b"1;a="], ids=["value", "name", "extension"])
def test_what_is_not_body_is_bounded_after_the_head_however_large_the_body_may_be(begin: bytes) -> None:
    reading = Reading(10_000_000)
    reading.feed(HEAD + begin)
    for _ in range(HEAD_LIMIT_BYTES // 1024 - 1):
        reading.feed(b"a" * 1024)
    with pytest.raises(FetchError) as caught:
        reading.feed(b"a" * 2048)
    assert caught.value.fault == "too_large"


def test_a_body_in_many_reads_goes_on_as_long_as_it_moves() -> None:
    reading = Reading(10_000_000)
    reading.feed(HEAD)
    for _ in range(100):
        reading.feed(b"1000\r\n" + b"x" * 4096 + b"\r\n")
    reading.feed(b"0\r\n\r\n")
    assert (reading.complete, len(reading.body)) == (True, 2 + 409_600)


@pytest.mark.parametrize("framing", [b"content-length: 37\r\n", b"transfer-encoding: chunked\r\n"])
def test_an_interim_response_with_a_body_is_malformed(framing: bytes) -> None:
    with pytest.raises(FetchError) as caught:
        Reading(1000).feed(b"HTTP/1.1 103 Early Hints\r\n" + framing + b"\r\n" + SIZED)
    assert caught.value.fault == "malformed"


def test_interim_responses_are_forgotten() -> None:
    reading = Reading(1000)
    reading.feed(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + SIZED)
    assert (reading.complete, bytes(reading.body), "link" in reading.headers) == (True, b"{}", False)
