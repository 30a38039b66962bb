"""A person with a real browser allows a device, or sees why not.

Set SCREENSHOTS to a directory to keep a picture of each page.
"""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from browser.conftest import ENVIRONMENT
from browser.walking import CANARY, PASSWORD, keep_picture
from flows.processes import PYTHON, ROOT, Program, free_port, started

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("device-door") / "data"


@pytest.fixture(scope="module")
def door(place) -> Iterator[Program]:
    port = free_port()
    command = [PYTHON, "-m", "doorward", "serve", "examples/01_fastmcp.py", "--port", str(port), "--data-dir", place]
    settings = ENVIRONMENT | {"DOORWARD_DEVICE_GRANT": "true"}
    with started(command, port=port, env=settings, cwd=ROOT) as program:
        yield program


def registered(place, name: str) -> str:
    command = [PYTHON, "-m", "doorward", "clients", "add", "--grant", "device_code", "--public", "--name", name]
    done = subprocess.run([*command, "--data-dir", place, "--json"], capture_output=True, check=True, cwd=ROOT)
    return json.loads(done.stdout)["client_id"]


def posted(door: Program, path: str, **form: str) -> dict[str, object]:
    try:
        with urllib.request.urlopen(door.url(path), urlencode(form).encode()) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def opened(page, door: Program) -> None:
    page.goto(door.url("/-/device"))
    keep_picture(page, "device_sign_in")
    page.get_by_label("User name").fill("owner")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Connect a device").wait_for()


def typed(page, code: object) -> None:
    page.get_by_label("Code").fill(str(code).lower())
    keep_picture(page, "device")
    page.get_by_role("button", name="Continue").click()


def test_a_device_is_allowed_by_its_code(page, door, place):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    client_id = registered(place, "Living room television")
    device = posted(door, "/device_authorization", client_id=client_id)
    opened(page, door)
    typed(page, device["user_code"])
    page.get_by_role("heading", name="Allow this device?").wait_for()
    keep_picture(page, "device_consent")
    assert "Living room television" in page.locator(".lead").inner_text()
    assert str(device["user_code"]) in page.locator(".host").inner_text()
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading", name="Device connected").wait_for()
    keep_picture(page, "device_done")
    form = {"grant_type": DEVICE_GRANT, "client_id": client_id, "device_code": str(device["device_code"])}
    assert str(posted(door, "/token", **form)["access_token"]).startswith("dwa_")
    assert [text for text in complaints if "favicon" not in text] == []


def test_denying_is_final(page, door, place):
    client_id = registered(place, "Television")
    device = posted(door, "/device_authorization", client_id=client_id)
    opened(page, door)
    typed(page, device["user_code"])
    page.get_by_role("button", name="Deny").click()
    page.get_by_role("heading", name="Device refused").wait_for()
    form = {"grant_type": DEVICE_GRANT, "client_id": client_id, "device_code": str(device["device_code"])}
    assert posted(door, "/token", **form)["error"] == "access_denied"


def test_a_wrong_code_says_so_and_stays(page, door):
    opened(page, door)
    typed(page, "BBBB-BBBB")
    page.get_by_role("alert").wait_for()
    keep_picture(page, "device_wrong_code")
    assert page.get_by_label("Code").input_value() == "bbbb-bbbb"


def test_a_hostile_name_is_shown_and_never_run(page, door, place):
    device = posted(door, "/device_authorization", client_id=registered(place, CANARY))
    opened(page, door)
    typed(page, device["user_code"])
    page.get_by_role("heading", name="Allow this device?").wait_for()
    assert page.evaluate("window.canary") is None
    assert "<script>" in page.locator(".lead").inner_text()
