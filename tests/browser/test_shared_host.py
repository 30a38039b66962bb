"""What a real browser hands to a program at another port of 127.0.0.1, and that it opens nothing at the door."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
from browser.test_connections import fill_sign_in, sign_in_for_connections
from browser.walking import authorize_url, register, sign_in

HEADERS = {"sec-fetch-site": "same-origin", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A program at another port; its address, and the cookies that it was sent."""
    seen: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("cookie") or "")
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<p>you can close this window</p>")

        def log_message(self, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/callback", seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.requirement("B-02")
def test_what_the_browser_sends_to_another_port_opens_nothing(page, door, listener):
    address, seen = listener
    client_id = register(door, address, "A small helper")
    sign_in(page, door, client_id, address)
    other = page.context.new_page()
    sign_in_for_connections(other, door)
    other.get_by_role("heading", name="Connections", exact=True).wait_for()
    # A page of the program loads from its own port while a consent and the connections are open.
    page.context.new_page().goto(address)
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{address}?**")
    assert "doorward_" in " ".join(seen), "the browser sends cookies there, or this test proves nothing"
    for cookies in filter(None, seen):
        with httpx2.Client(headers=HEADERS | {"cookie": cookies}, follow_redirects=True) as thief:
            assert 'name="password"' in thief.get(door.url("/-/connections")).text
            assert thief.get(door.url("/-/api/v1/connections")).status_code == 401
            assert 'name="password"' in thief.get(authorize_url(door, client_id, address)).text
    # The person's own page of connections goes on.
    other.reload()
    other.get_by_role("heading", name="A small helper").first.wait_for()


def test_a_second_client_takes_another_sign_in_and_nothing_else(page, door, client_address):
    for name in ("One", "Two"):
        page.goto(authorize_url(door, register(door, client_address, name), client_address))
        fill_sign_in(page)
        page.get_by_role("button", name="Allow").click()
        page.wait_for_url(f"{client_address}?**")
