from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from browser.walking import PASSWORD
from flows.processes import PYTHON, ROOT, Program, free_port, started
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ENVIRONMENT = {"DOORWARD_OWNER_PASSWORD": PASSWORD, "DOORWARD_TOOL_SCOPES": "delete_*=files:write"}


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
    with started(command, port=port, env=ENVIRONMENT, cwd=ROOT) as program:
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


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 900, "height": 760})
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    yield opened
    context.close()
