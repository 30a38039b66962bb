"""A person with a real browser: the pages work without script, lead back to the client, and run nothing they were told.

Set SCREENSHOTS to a directory to keep a picture of each page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flows.processes import PYTHON, ROOT, Program, free_port, started
from playwright.sync_api import Browser, Page, sync_playwright

PASSWORD = "correct horse battery"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CANARY = "<script>window.canary = 1</script><img src=x onerror='window.canary = 1'>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def door(tmp_path_factory) -> Iterator[Program]:
    port = free_port()
    data = tmp_path_factory.mktemp("door") / "data"
    command = [PYTHON, "-m", "doorward", "serve", "examples/01_fastmcp.py", "--port", str(port), "--data-dir", data]
    with started(command, port=port, env={"DOORWARD_OWNER_PASSWORD": PASSWORD}, cwd=ROOT) as program:
        yield program


@pytest.fixture
def client_address() -> Iterator[str]:
    """A client's redirect address that really answers."""

    class Callback(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"you can close this window")

        def log_message(self, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Callback)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/callback"
    server.shutdown()
    thread.join()
    server.server_close()


def register(door: Program, redirect_uri: str, name: str) -> str:
    body = {"client_name": name, "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none"}
    request = urllib.request.Request(
        door.url("/register"), json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["client_id"]


def authorize_url(door: Program, client_id: str, redirect_uri: str) -> str:
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "opaque",
        "resource": door.url("/mcp"),
    }
    return f"{door.url('/authorize')}?{urlencode(query)}"


def keep_picture(page: Page, name: str) -> None:
    directory = os.environ.get("SCREENSHOTS")
    if directory:
        page.screenshot(path=str(Path(directory) / f"{name}.png"))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 900, "height": 760})
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    yield opened
    context.close()


def sign_in(page: Page, door: Program, client_id: str, redirect_uri: str) -> None:
    page.goto(authorize_url(door, client_id, redirect_uri))
    page.get_by_label("User name").fill("owner")
    page.get_by_label("Password").fill(PASSWORD)
    keep_picture(page, "sign_in")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Allow access?").wait_for()


def test_a_person_signs_in_allows_and_is_back_at_the_client(page, door, client_address):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    sign_in(page, door, register(door, client_address, "Notebook"), client_address)
    keep_picture(page, "consent")
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{client_address}?**")
    query = parse_qs(urlsplit(page.url).query)
    assert query["state"] == ["opaque"]
    assert query["iss"] == [door.url("").rstrip("/")]
    assert query["code"][0].startswith("dwc_")
    assert [text for text in complaints if "favicon" not in text] == []


def test_denying_leads_back_as_well(page, door, client_address):
    sign_in(page, door, register(door, client_address, "Notebook"), client_address)
    page.get_by_role("button", name="Deny").click()
    page.wait_for_url(f"{client_address}?**")
    assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]


def test_a_wrong_password_says_so_and_keeps_the_name(page, door, client_address):
    page.goto(authorize_url(door, register(door, client_address, "Notebook"), client_address))
    page.get_by_label("User name").fill("owner")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    keep_picture(page, "wrong_password")
    assert page.get_by_label("User name").input_value() == "owner"


def test_a_hostile_client_name_is_shown_and_never_run(page, door, client_address):
    sign_in(page, door, register(door, client_address, CANARY), client_address)
    assert page.evaluate("window.canary") is None
    assert "<script>" in page.locator(".lead").inner_text()


def test_an_unknown_client_is_told_on_a_page(page, door):
    page.goto(authorize_url(door, "nobody", "https://evil.example/callback"))
    keep_picture(page, "unknown_client")
    assert urlsplit(page.url).netloc == urlsplit(door.url()).netloc
    assert page.get_by_role("alert").count() == 1


def test_a_second_browser_cannot_take_over_a_sign_in(browser, page, door, client_address):
    sign_in(page, door, register(door, client_address, "Notebook"), client_address)
    stranger = browser.new_context()
    other = stranger.new_page()
    other.goto(page.url)
    assert other.get_by_role("button", name="Allow").count() == 0
    stranger.close()
