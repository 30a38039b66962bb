"""What the browser tests walk with: a client's requests, the sign-in, pictures of pages."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from flows.processes import Program
from playwright.sync_api import Page

PASSWORD = "correct horse battery"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CANARY = "<script>window.canary = 1</script><img src=x onerror='window.canary = 1'>"


def register(door: Program, redirect_uri: str, name: str) -> str:
    body = {"client_name": name, "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none"}
    request = urllib.request.Request(
        door.url("/register"), json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["client_id"]


def authorize_url(door: Program, client_id: str, redirect_uri: str, **more: str) -> str:
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "opaque",
        "resource": door.url("/mcp"),
        **more,
    }
    return f"{door.url('/authorize')}?{urlencode(query)}"


def keep_picture(page: Page, name: str) -> None:
    directory = os.environ.get("SCREENSHOTS")
    if directory:
        page.screenshot(path=str(Path(directory) / f"{name}.png"))


def sign_in(page: Page, door: Program, client_id: str, redirect_uri: str) -> None:
    page.goto(authorize_url(door, client_id, redirect_uri))
    page.get_by_label("User name").fill("owner")
    page.get_by_label("Password").fill(PASSWORD)
    keep_picture(page, "sign_in")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Allow access?").wait_for()
