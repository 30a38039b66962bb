"""The page of `doorward check --html` in a browser: it asks for nothing, complains about nothing, and fits a phone."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.run import examine
from doorward.doctor.report.as_html import as_html
from testbed.answers import reply
from testbed.broken import BROKEN

HOSTILE = b"<script>document.title='owned'</script><img src=http://127.0.0.1:9/x onerror=document.title='owned'>"


class Hostile(BROKEN["REG-02"].server):
    def unauthorized(self, request):
        return reply(403, HOSTILE + b"x" * 500, "text/html")


@pytest.fixture
def page_file(tmp_path) -> Path:
    server = Hostile()
    # Playwright has a loop of its own in this thread.
    with ThreadPoolExecutor(1) as elsewhere:
        report = elsewhere.submit(lambda: asyncio.run(examine(Picture(server.url), server.send))).result()
    path = tmp_path / "report.html"
    path.write_text(as_html(report, examined_at=1_800_000_000), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_stands_alone_and_fits(browser: Browser, page_file: Path, width: int, scheme: str):
    page = browser.new_page(viewport={"width": width, "height": 700}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    page.click(".all > summary")
    assert page.title().startswith("doorward check: ")
    assert page.inner_text("article .evidence").count("<script>") >= 1
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert (said, asked) == ([], [page_file.as_uri()])
    page.close()
