"""A person with a real browser: the pages work without script, lead back to the client, and run nothing they were told.

Set SCREENSHOTS to a directory to keep a picture of each page.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from browser.walking import CANARY, authorize_url, keep_picture, register, sign_in


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
