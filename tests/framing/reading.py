"""A second reader of HTTP/1.1, for judging: which requests a stream of bytes holds, and which answers.

It is pure and slow, and shares no code with the parsers of the door. It reads what RFC 9112 permits a server to read:
a request is `strict` when a server has no reason to refuse its framing, and the stream ends at the first byte that a
server must refuse. A server may always refuse and close. It must never answer a request that is not there.

Spec: RFC 9112 s2.2, s3, s5, s6, s7, s9; RFC 9110 s6.4.1, s15.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Fields = list[tuple[bytes, bytes]]
Rest = Literal["none", "partial", "wrong"]
"""What follows the last whole message: nothing, the beginning of a message, or bytes that no server may accept."""

USUAL_HEAD_BYTES: Final = 16 * 1024
"""A server may refuse a longer head."""
USUAL_FIELDS: Final = 60

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE: Final = re.compile(
    rb"(" + _TOKEN + rb")([ \t]+)([^ \t\x00-\x20\x7f]+)([ \t]+)HTTP/([0-9])\.([0-9])([ \t]*)"
)
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([0-9]{3}) ?([\t\x20-\x7e\x80-\xff]*)")
_FIELD: Final = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]+)([ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?)")
_TARGET: Final = re.compile(rb"/[!-~]*|\*")
_LARGEST: Final = 2**62
_PLAIN: Final = frozenset({b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH"})


class Wrong(Exception):
    """These bytes are no HTTP/1.1, whatever follows."""


class Partial(Exception):
    """The message goes on after the last byte."""


@dataclass(slots=True)
class Request:
    """One request."""

    method: bytes
    target: bytes
    headers: Fields
    body: bytes = b""
    strict: bool = True
    closes: bool = False
    """Whether its answer is the last one of the connection."""
    old: bool = False
    """Whether it says HTTP/1.0, which has no transfer codings."""
    end: int = 0

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of a field, in order."""
        return [value for each, value in self.headers if each == name]


@dataclass(slots=True)
class Requests:
    """What a stream of a client holds."""

    whole: list[Request] = field(default_factory=list)
    rest: Rest = "none"
    begun: Request | None = None
    """The request whose body is not whole."""


@dataclass(slots=True)
class Answer:
    """One answer, or an interim one."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes = b""
    closes: bool = False
    whole: bool = True
    end: int = 0
    chunked: bool = False


@dataclass(slots=True)
class Answers:
    """What a stream of a server holds."""

    final: list[Answer] = field(default_factory=list)
    interim: list[Answer] = field(default_factory=list)
    rest: Rest = "none"
    why: str = ""


@dataclass(slots=True)
class _Head:
    lines: list[bytes]
    end: int
    strict: bool


def read_requests(data: bytes) -> Requests:
    """Return the requests of a stream, as far as a server may read it."""
    found = Requests()
    at = 0
    while True:
        begin, at_line = at, _skip_empty_lines(data, at)
        if at_line == len(data):
            return found
        try:
            request, at = _request_head(data, at_line)
            request.strict &= begin == at_line
            found.begun = request
            _request_body(request, data, at)
        except Wrong:
            found.rest = "wrong"
            return found
        except Partial:
            found.rest = "partial"
            return found
        at, found.begun = request.end, None
        found.whole.append(request)
        if request.closes:
            return found


def read_answers(data: bytes, methods: Sequence[bytes], *, ended: bool) -> Answers:
    """Return the answers of a stream to requests with these methods; `ended`: the server has closed it."""
    found, at = Answers(), 0
    while at < len(data):
        method = methods[len(found.final)] if len(found.final) < len(methods) else b"GET"
        try:
            answer = _answer(data, at, method, ended=ended)
        except Wrong as error:
            found.rest, found.why = "wrong", f"{error} at byte {at}: {data[at : at + 80]!r}"
            return found
        except Partial:
            found.rest = "partial"
            return found
        at = answer.end
        (found.interim if answer.status < 200 else found.final).append(answer)
        if answer.status == 101:
            found.rest, found.why = "wrong", "the server switched protocols"
            return found
        if not answer.whole:
            found.rest = "partial"
            return found
    return found


def _skip_empty_lines(data: bytes, at: int) -> int:
    """Return where the next request begins. Empty lines, and what is left of some, are no part of one."""
    while data[at : at + 1] in {b"\r", b"\n"}:
        at += 1
    return at


def _head(data: bytes, at: int) -> _Head:
    """Return the lines of a head. A line may end with LF alone: RFC 9112 s2.2."""
    end = data.find(b"\r\n\r\n", at)
    lines = data[at:end].split(b"\r\n") if end >= 0 else []
    if end >= 0 and not any(b"\n" in line or b"\r" in line for line in lines):
        return _Head(lines, end + 4, end - at <= USUAL_HEAD_BYTES)
    lines, strict = [], True
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            raise Partial
        line = data[at:end].removesuffix(b"\r")
        strict &= len(line) < end - at
        if b"\r" in line:
            raise Wrong("a bare CR")
        at = end + 1
        if not line:
            return _Head(lines, at, strict)
        lines.append(line)


def _fields(lines: Sequence[bytes]) -> tuple[Fields, bool]:
    """Return the fields with lower-case names, and whether a server has no reason to refuse them."""
    fields: Fields = []
    strict = len(lines) <= USUAL_FIELDS
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not fields:
                raise Wrong("white space before the first field")
            name, value = fields[-1]
            fields[-1] = name, value + b" " + line.strip(b" \t")
            strict = False
            continue
        found = _FIELD.fullmatch(line)
        if found is None:
            raise Wrong(f"no field: {line[:60]!r}")
        fields.append((found[1].lower(), found[2].rstrip(b" \t")))
    return fields, strict


def _options(fields: Fields, name: bytes) -> list[bytes]:
    joined = b",".join(value for each, value in fields if each == name)
    return [option.strip(b" \t").lower() for option in joined.split(b",") if option.strip(b" \t")]


def _request_head(data: bytes, at: int) -> tuple[Request, int]:
    head = _head(data, at)
    line = _REQUEST_LINE.fullmatch(head.lines[0])
    if line is None:
        raise Wrong(f"no request line: {head.lines[0][:60]!r}")
    fields, strict = _fields(head.lines[1:])
    strict &= head.strict and line[2] == line[4] == b" " and not line[7] and line[1] in _PLAIN
    strict &= _TARGET.fullmatch(line[3]) is not None
    version = line[5] + b"." + line[6]
    connection = _options(fields, b"connection")
    request = Request(line[1], line[3], fields, strict=strict, old=version < b"1.1")
    request.strict &= version == b"1.1" and len(request.values(b"host")) == 1
    request.closes = b"keep-alive" not in connection if request.old else b"close" in connection
    if request.values(b"upgrade") or request.values(b"expect") or b"upgrade" in connection:
        request.strict = False  # a server may refuse what it does not offer
    return request, head.end


def _request_body(request: Request, data: bytes, at: int) -> None:
    """Read the body. Spec: RFC 9112 s6.3."""
    codings, lengths = request.values(b"transfer-encoding"), request.values(b"content-length")
    if codings:
        options = _options(request.headers, b"transfer-encoding")
        if options.count(b"chunked") != 1 or options[-1] != b"chunked":
            raise Wrong("a body whose last coding is not chunked, once")
        if lengths:
            _length(lengths)
        if lengths or request.old:
            request.strict, request.closes = False, True
        request.strict &= codings == [b"chunked"]
        request.body, request.end, strict = _chunks(data, at)
        request.strict &= strict
    elif lengths:
        length, strict = _length(lengths)
        request.strict &= strict
        if len(data) - at < length:
            raise Partial
        request.body, request.end = data[at : at + length], at + length
    else:
        request.end = at


def _length(values: Sequence[bytes]) -> tuple[int, bool]:
    """Return the length, and whether it is spelled in the usual way."""
    spelled = {each.strip(b" \t") for value in values for each in value.split(b",")}
    if len(spelled) != 1:
        raise Wrong("several lengths")
    text = spelled.pop()
    if not re.fullmatch(rb"[0-9]+", text) or len(text) > 4000:
        raise Wrong("no length")
    return int(text), list(values) == [str(int(text)).encode()] and int(text) < 2**31


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    """Return a line of the framing of chunks, which ends with CRLF and nothing else."""
    end = data.find(b"\n", at)
    if end < 0:
        if b"\r" in data[at:-1]:
            raise Wrong("a bare CR")
        raise Partial
    if data[end - 1 : end] != b"\r" or end - 1 < at or b"\r" in data[at : end - 1]:
        raise Wrong("a line of chunks that ends without CRLF")
    return data[at : end - 1], end + 1


def _chunks(data: bytes, at: int) -> tuple[bytes, int, bool]:
    """Return a chunked body, where it ends, and whether it is spelled in the usual way."""
    body, strict = bytearray(), True
    while True:
        line, at = _line(data, at)
        found = _CHUNK.fullmatch(line)
        if found is None:
            raise Wrong(f"no chunk size: {line[:40]!r}")
        size = int(found[1], 16)
        if size > _LARGEST:
            raise Wrong("a chunk that no server can count")
        strict &= not found[2] and len(found[1]) <= 8
        if size == 0:
            break
        piece = data[at : at + size]
        body += piece
        at += size
        if len(piece) < size:
            raise Partial
        after = data[at : at + 2]
        if not b"\r\n".startswith(after):
            raise Wrong("no line end after a chunk")
        if len(after) < 2:
            raise Partial
        at += 2
    if data[at : at + 2] == b"\r\n":
        return bytes(body), at + 2, strict
    if len(data) - at < 2:
        raise Partial
    trailer = _head(data, at)
    _fields(trailer.lines)
    return bytes(body), trailer.end, False


def _answer(data: bytes, at: int, method: bytes, *, ended: bool) -> Answer:
    head = _head(data, at)
    if not head.lines or not head.strict:
        raise Wrong("a head that is too long, or whose lines do not end with CRLF")
    line = _STATUS_LINE.fullmatch(head.lines[0])
    if line is None:
        raise Wrong("no status line")
    fields, _ = _fields(head.lines[1:])
    status = int(line[2])
    headers = dict(fields)
    answer = Answer(status, headers, end=head.end)
    answer.closes = b"close" in _options(fields, b"connection") or line[1] == b"0"
    if not 100 <= status <= 599:
        raise Wrong(f"status {status}")
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1:
        raise Wrong("an answer with two framings")
    if status < 200 or status == 204:
        if (lengths and status != 204) or codings:
            raise Wrong("a body where there is none")
        return answer
    if method == b"HEAD" or status == 304:
        return answer
    _answer_body(answer, data, lengths, codings, ended=ended)
    return answer


def _answer_body(answer: Answer, data: bytes, lengths: list[bytes], codings: list[bytes], *, ended: bool) -> None:
    at = answer.end
    if codings:
        if codings != [b"chunked"]:
            raise Wrong("a coding that nobody asked for")
        answer.chunked = True
        try:
            answer.body, answer.end, strict = _chunks(data, at)
        except Partial:
            answer.body, answer.end, answer.whole = data[at:], len(data), False
            return
        if not strict:
            raise Wrong("chunks with extensions or trailers")
    elif lengths:
        if not re.fullmatch(rb"[0-9]{1,15}", lengths[0]):
            raise Wrong("no length")
        length = int(lengths[0])
        answer.body, answer.end = data[at : at + length], min(at + length, len(data))
        answer.whole = len(answer.body) == length
    else:
        answer.body, answer.end = data[at:], len(data)
        answer.whole, answer.closes = ended, True
