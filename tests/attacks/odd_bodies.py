"""Bodies of every wrong kind (T-10), drawn by number: the same number gives the same body."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

Body = tuple[str, bytes]
"""Content type and bytes."""

FORM = "application/x-www-form-urlencoded"
TYPES = (
    FORM, f"{FORM}; charset=utf-7", f"{FORM}; charset=\u00fc", "application/json", "application/json; charset=utf-16",
    "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", "application/xml", "", "/", ";", "x" * 3000,
)  # fmt: skip
GOOD = b"grant_type=authorization_code&client_id=c&code=dwc_x&code_verifier=" + b"v" * 43


def _form(draw: random.Random) -> bytes:
    at = draw.randrange(len(GOOD))
    return draw.choice(
        (
            GOOD[:at] + draw.randbytes(draw.randrange(1, 6)) + GOOD[at:],
            GOOD + b"&" + GOOD[: at + 1],
            GOOD.replace(b"=", draw.choice((b"%3D", b"==", b"=%00", b"=%", b"=%ff", b"=%u0041", b"\x00", b"="))),
            b"&".join(b"a%d=%d" % (number, number) for number in range(draw.randrange(5000))),
            b"grant_type=" + b"9" * draw.randrange(1, 60_000),
            GOOD.decode().encode(draw.choice(("utf-16", "utf-32", "utf-7"))),
            b"\xef\xbb\xbf" + GOOD,
            GOOD.replace(b"&", b";"),
            b"",
        )
    )


def _json(draw: random.Random) -> bytes:
    inner = draw.choice((None, True, -1, 10**300, 1.5, "", "\x00", [], {}, ["javascript:alert(1)"], "x" * 5000))
    said = {draw.choice(("redirect_uris", "grant_type", "client_id", "token", "jwks")): inner}
    text = json.dumps(said).encode()
    return draw.choice(
        (
            text,
            text[:-1],
            text + text,
            text.replace(b"}", b',"a":NaN}'),
            text.replace(b"}", b',"a":"\\ud800"}'),
            text.replace(b"}", b',"a":1' + b"0" * 20_000 + b"}"),
            text[:-1] + b"," + text[1:],
            b"[" * draw.randrange(1, 60_000),
            b'{"a":' * draw.randrange(1, 9_000),
            text.decode().encode("utf-16"),
        )
    )


def _multipart(draw: random.Random) -> bytes:
    part = b'--x\r\ncontent-disposition: form-data; name="grant_type"\r\n\r\nrefresh_token\r\n'
    return part * draw.randrange(1, 300) + draw.choice((b"--x--\r\n", b"--x", b"", b"--" + b"-" * 5000))


KINDS: tuple[Callable[[random.Random], bytes], ...] = (
    _form,
    _json,
    _multipart,
    lambda draw: draw.randbytes(draw.randrange(1, 2000)),
    lambda draw: b"x" * draw.choice((65_537, 200_000, 1_000_000)),
)


def bodies(count: int) -> Iterator[Body]:
    """Yield so many bodies that no endpoint can use."""
    for number in range(count):
        draw = random.Random(number)
        large = number % 100 == 0
        yield draw.choice(TYPES), KINDS[-1 if large else draw.randrange(len(KINDS) - 1)](draw)
