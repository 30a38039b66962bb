from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browser.walking import PASSWORD
from flows.processes import PYTHON, ROOT, Program, free_port, started
from playwright.sync_api import Browser, Page, sync_playwright

from doorward.records.changes import Insert
from doorward.records.oauth import Client
from doorward.storage.opening import open_store

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ENVIRONMENT = {
    "DOORWARD_OWNER_PASSWORD": PASSWORD,
    "DOORWARD_TOOL_SCOPES": "delete_*=files:write",
    "DOORWARD_REMEMBER_CONSENT": "true",
}
HOSTED_CLIENT = "hosted"
HOSTED_REDIRECT_URI = "https://client.example/callback"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("door") / "data"


@pytest.fixture(scope="module")
def door(data_dir) -> Iterator[Program]:
    port, data = free_port(), data_dir
    command = [PYTHON, "-m", "doorward", "serve", "examples/01_fastmcp.py", "--port", str(port), "--data-dir", data]
    with started(command, port=port, env=ENVIRONMENT, cwd=ROOT) as program:
        yield program


@pytest.fixture
def hosted_client(door, data_dir) -> tuple[str, str]:
    """A client that the operator has added, at a host that no browser of these tests reaches; its id and place."""
    record = Client(
        client_id=HOSTED_CLIENT,
        source="registered",
        created_at=int(time.time()),
        client_name="Hosted",
        redirect_uris=(HOSTED_REDIRECT_URI,),
    )

    async def add() -> None:
        store = open_store(None, data_dir)
        await store.open()
        await store.apply([Insert(record)])
        await store.close()

    # The driver of the browser has an event loop on this thread.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, add()).result()
    return HOSTED_CLIENT, HOSTED_REDIRECT_URI


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
