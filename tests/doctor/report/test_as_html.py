"""The page of a report: it stands alone, runs nothing, and shows what a hostile server says as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from doctor.every_report import SERVERS, report_of

from doorward.doctor.engine.check import Picture, differing
from doorward.doctor.engine.run import Report, examine
from doorward.doctor.report.as_html import as_html, lines
from testbed.answers import reply
from testbed.broken import BROKEN
from testbed.good import ORIGIN, Good

AT = 1_800_000_000
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Reader(HTMLParser):
    """Notes what a page is made of, and that each element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


async def examined(server: Good) -> Report:
    return await examine(Picture(f"{ORIGIN}/mcp"), server.send)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@pytest.mark.parametrize("name", SERVERS)
async def test_the_page_stands_alone_and_says_each_finding(name):
    report = await report_of(name)
    page = as_html(report, examined_at=AT)
    reader = read(page)
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "img", "iframe", "object", "form"}
    assert not [attrs for _, attrs in reader.tags if {"src", "href", "style"} & set(attrs)]
    assert "url(" not in page
    assert "@import" not in page
    assert [attrs["id"] for tag, attrs in reader.tags if tag == "article"] == [each.rule for each in report.findings]
    text = " ".join(reader.words)
    assert all(each.fix in text for each in report.findings)
    assert "2027-01-15 08:00 UTC" in text


async def test_the_page_allows_itself_nothing():
    page = as_html(await examined(Good()), examined_at=AT)
    metas = [attrs for tag, attrs in read(page).tags if tag == "meta"]
    (policy,) = [each["content"] for each in metas if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


async def test_what_a_server_says_is_text():
    class Hostile(Good):
        def unauthorized(self, request):
            body = b"</div><script>alert(1)</script><img src=x onerror=alert(1)>"
            return reply(403, body, "text/html", server="<b>&amp;\"'")

    page = as_html(await examined(Hostile()), examined_at=AT)
    reader = read(page)
    assert not {"script", "img"} & {tag for tag, _ in reader.tags}
    assert "<script>alert(1)</script>" in "".join(reader.words)


async def test_the_page_follows_light_and_dark_and_paper():
    page = as_html(await examined(BROKEN["DSC-01"].server()), examined_at=AT)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert '<meta name="color-scheme" content="light dark">' in page


def test_the_byte_that_differs_is_marked_in_both_strings():
    one, two, mark = lines(differing("typed", "https://a/mcp", "resource", "https://a/"))
    assert (one.text.endswith("https://a/"), one.at, one.after) == (True, "m", "cp")
    assert (two.text.endswith("https://a/"), two.at) == (True, " ")
    assert mark.kind == "mark"


async def test_everything_that_was_not_looked_at_is_said_with_its_reason():
    report = await examined(BROKEN["TLS-02"].server())
    page = as_html(report, examined_at=AT)
    assert "The server cannot be reached." in page
    assert len(re.findall(r'<td class="passed">', page)) == 0
