"""`doorward check --login` as a person uses it: read the link, sign in with a browser, come back to the terminal."""

from __future__ import annotations

import asyncio
import json
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from flows.processes import PYTHON, ROOT
from flows.user_agent import Browser, Person

_LINK = re.compile(r"^  (https?://\S+)$")
_PATIENCE_SECONDS = 90


@dataclass(frozen=True)
class Checked:
    """What one run of the command printed."""

    code: int
    output: str
    errors: str
    codes: list[str]
    """The authorization codes that the browser brought back."""

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.output)
        return found

    @property
    def faults(self) -> set[tuple[str, str]]:
        return {(each["rule"], each["verdict"]) for each in self.report["findings"]}


async def check_with_login(url: str, person: Person, *options: str) -> Checked:
    """Run the command, and sign in at each first link that it prints."""
    process = await asyncio.create_subprocess_exec(
        PYTHON, "-m", "doorward", "check", url, "--login", "--json", *options,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    browser, codes, lines = Browser(), [], []
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            output = asyncio.create_task(process.stdout.read())
            announced = False
            while line := (await process.stderr.readline()).decode():
                lines.append(line)
                link = _LINK.match(line.rstrip())
                if link and announced:
                    codes.append(await come_back(browser, link[1], person))
                announced = not link
            return Checked(await process.wait(), (await output).decode(), "".join(lines), codes)
    finally:
        if process.returncode is None:
            process.kill()


async def come_back(browser: Browser, link: str, person: Person) -> str:
    """Sign in at a link, and follow the last redirect to the listener; returns the code that it carried."""
    redirect_uri = dict(parse_qsl(urlsplit(link).query))["redirect_uri"]
    back = await browser.follow(link, redirect_uri, person)
    async with httpx2.AsyncClient(timeout=30) as http:
        page = await http.get(f"{redirect_uri}?{urlencode(back.parameters)}")
    assert page.status_code == 200
    return back.parameters.get("code", "")
