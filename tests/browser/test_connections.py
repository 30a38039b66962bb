"""A person with a real browser looks at what is connected, and disconnects it.

Set SCREENSHOTS to a directory to keep a picture of each page.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from browser.walking import (
    CANARY,
    PASSWORD,
    VERIFIER,
    authorize_url,
    keep_picture,
    register,
    sign_in,
)


def redeem(door, client_id: str, redirect_uri: str, code: str) -> str:
    form = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": VERIFIER,
    }
    with urllib.request.urlopen(door.url("/token"), urlencode(form).encode()) as answer:
        return json.load(answer)["access_token"]


def connect(page, door, redirect_uri: str, name: str) -> str:
    """Allow a client, and return its access token."""
    client_id = register(door, redirect_uri, name)
    page.goto(authorize_url(door, client_id, redirect_uri))
    fill_sign_in(page)
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{redirect_uri}?**")
    return redeem(door, client_id, redirect_uri, parse_qs(urlsplit(page.url).query)["code"][0])


def fill_sign_in(page) -> None:
    """Sign in where the page asks for it: at a loopback address each flow does, since cookies have no port."""
    page.get_by_role("heading", name="Sign in").wait_for()
    page.get_by_label("User name").fill("owner")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def sign_in_for_connections(page, door) -> None:
    page.goto(door.url("/-/connections"))
    page.get_by_role("heading", name="Sign in").wait_for()
    keep_picture(page, "sign_in_for_connections")
    fill_sign_in(page)


def status_of_call(door, access_token: str) -> int:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode()
    headers = {
        "authorization": f"Bearer {access_token}",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
    }
    try:
        with urllib.request.urlopen(urllib.request.Request(door.url("/mcp"), body, headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_person_signs_in_to_see_and_end_their_connections(page, door, client_address):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    kept = connect(page, door, client_address, "Keeper")
    ended = connect(page, door, client_address, "Goner")
    sign_in_for_connections(page, door)
    page.get_by_role("heading", name="Goner").wait_for()
    keep_picture(page, "connections")
    page.get_by_role("button", name="Disconnect Goner").click()
    page.get_by_role("heading", name="Goner").wait_for(state="detached")
    assert page.get_by_role("heading", name="Keeper").count() == 1
    assert status_of_call(door, ended) == 401
    assert status_of_call(door, kept) != 401
    assert [text for text in complaints if "favicon" not in text] == []


def test_the_page_asks_for_a_sign_in_and_leads_back(page, door):
    sign_in_for_connections(page, door)
    page.get_by_role("heading", name="Connections", exact=True).wait_for()
    page.get_by_role("button", name="Sign out of this browser").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def test_a_second_consent_shows_what_is_new(page, door, client_address):
    client_id = register(door, client_address, "Notebook")
    sign_in(page, door, client_id, client_address)
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{client_address}?**")
    page.goto(authorize_url(door, client_id, client_address, scope="mcp files:write"))
    fill_sign_in(page)
    page.get_by_text("New: it may also").wait_for()
    keep_picture(page, "consent_for_more")
    assert page.locator("dd").first.inner_text().strip() == "files:write"


@pytest.mark.requirement("B-05")
def test_hostile_names_run_nowhere_and_load_nothing(page, door, client_address):
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    connect(page, door, client_address, CANARY)
    sign_in_for_connections(page, door)
    page.get_by_role("heading", name="Connections", exact=True).wait_for()
    assert page.evaluate("window.canary") is None
    origin = door.url("").rstrip("/")
    assert {urlsplit(url).netloc for url in fetched} <= {urlsplit(origin).netloc, urlsplit(client_address).netloc}


@pytest.mark.requirement("B-03")
def test_a_remembered_consent_counts_when_typed_and_not_from_another_site(page, door, hosted_client, client_address):
    client_id, redirect_uri = hosted_client
    address = authorize_url(door, client_id, redirect_uri)
    sign_in(page, door, client_id, redirect_uri)
    with page.expect_request(f"{redirect_uri}?**"):
        page.get_by_role("button", name="Allow").click()
    # Nothing answers at the client's host: the visit fails there, after the door has sent the browser on.
    typed = page.context.new_page()
    typed.goto(address)
    with typed.expect_request(f"{redirect_uri}?code=**"):
        fill_sign_in(typed)  # typed: nobody has to be asked again
    # The same machine under another name is another site to a browser.
    elsewhere = page.context.new_page()
    elsewhere.goto(client_address.replace("127.0.0.1", "localhost"))
    with elsewhere.expect_navigation():
        elsewhere.evaluate("address => { location.href = address }", address)
    fill_sign_in(elsewhere)
    elsewhere.get_by_role("heading", name="Allow access?").wait_for()
    assert elsewhere.get_by_role("heading", name="Allow access?").count() == 1
