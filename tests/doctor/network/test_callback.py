"""The listener that a browser comes back to: one redirect, of the sign-in that was asked for, and nothing else."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httpx2
import pytest

from doorward.doctor.engine.requests import SignIn
from doorward.doctor.network.callback import listening

PAGE = "https://mcp.example.com/authorize?state=abcdefgh"
SECOND = "https://mcp.example.com/authorize?state=zyxwvuts"


async def signing_in(visit, *, url: str = PAGE, meanwhile: str = "", open_page=None):
    """Run a sign-in, and let `visit` be the browser."""
    told: list[SignIn] = []
    async with listening(told.append, open_page, wait_seconds=5) as callback, httpx2.AsyncClient() as browser:
        waiting = asyncio.create_task(callback.sign_in(SignIn(url, callback.url, meanwhile)))
        await asyncio.sleep(0)
        answers = await visit(browser, callback)
        return await waiting, answers, told


@pytest.mark.parametrize(("method", "status"), [("GET", 302), ("POST", 307)])
async def test_the_redirect_is_handed_on_with_the_method_that_it_came_by(method, status):
    async def visit(browser, callback):
        return await browser.request(method, f"{callback.url}?code=c&state=abcdefgh")

    answer, page, told = await signing_in(visit)
    assert answer.status == status
    assert urlsplit(answer.headers["location"]).query == "code=c&state=abcdefgh"
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert [ask.url for ask in told] == [PAGE]


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("/callback?code=c&state=of-somebody-else", None),
        ("/callback?state=abcdefgh", None),
        ("/other?code=c&state=abcdefgh", None),
        ("/callback?code=c&state=abcdefgh", "attacker.example.com"),
    ],
)
@pytest.mark.requirement("S-10")
async def test_what_does_not_belong_to_the_sign_in_is_turned_away(target, host):
    async def visit(browser, callback):
        origin = callback.url.removesuffix("/callback")
        wrong = await browser.get(f"{origin}{target}", headers={"host": host} if host else None)
        right = await browser.get(f"{callback.url}?code=mine&state=abcdefgh")
        return wrong.status_code, right.status_code

    answer, statuses, _ = await signing_in(visit)
    assert statuses == (404, 200)
    assert "code=mine" in answer.headers["location"]


@pytest.mark.parametrize("query", ["code=c", "code=c&state=abcd", "error=access_denied&state=abcdefgh"])
async def test_a_state_that_is_missing_or_cut_is_an_answer_and_so_is_an_error(query):
    async def visit(browser, callback):
        return await browser.get(f"{callback.url}?{query}")

    answer, _, _ = await signing_in(visit)
    assert answer.headers["location"].endswith(query)


async def test_each_of_two_tabs_may_come_back():
    async def visit(browser, callback):
        return await browser.get(f"{callback.url}?code=c&state=zyxwvuts")

    answer, _, _ = await signing_in(visit, meanwhile=SECOND)
    assert "zyxwvuts" in answer.headers["location"]


async def test_nobody_who_comes_is_an_answer():
    async with listening(lambda _: None, wait_seconds=0.01) as callback:
        answer = await callback.sign_in(SignIn(PAGE, callback.url))
    assert (answer.status, answer.fault) == (0, "timeout")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "javascript:alert(1)", "https://x/\x1b[2J", "-version", "https://x/ y"]
)
@pytest.mark.requirement("S-09")
async def test_a_browser_is_handed_no_url_that_is_not_for_browsers(url):
    opened, told = [], []

    async def open_page(page):
        opened.append(page)

    async with listening(told.append, open_page, wait_seconds=5) as callback:
        answer = await callback.sign_in(SignIn(url, callback.url))
    assert (answer.status, answer.fault) == (0, "url")
    assert not opened
    assert not told


async def test_the_page_and_the_second_tab_are_opened_in_order():
    opened = []

    async def open_page(page):
        opened.append(page)

    async def visit(browser, callback):
        return await browser.get(f"{callback.url}?code=c&state=abcdefgh")

    await signing_in(visit, meanwhile=SECOND, open_page=open_page)
    assert opened == [PAGE, SECOND]


@pytest.mark.parametrize("sent", [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"GET /" + b"a" * 40_000, b""])
async def test_what_is_no_request_ends_nothing(sent):
    async def visit(browser, callback):
        parts = urlsplit(callback.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(sent)
        writer.write_eof()
        answered = await reader.read()
        writer.close()
        await browser.get(f"{callback.url}?code=c&state=abcdefgh")
        return answered

    answer, answered, _ = await signing_in(visit)
    assert answer.status == 302
    assert answered == b"" or answered.startswith(b"HTTP/1.1 404 ")
