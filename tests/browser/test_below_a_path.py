"""A real browser at an installation below a path, whose neighbour on the same origin has a path of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
from browser.walking import PASSWORD, authorize_url, register, sign_in
from flows.processes import PYTHON, ROOT, Program, free_port, started


@dataclass(frozen=True)
class Below:
    """The program, addressed below its path."""

    program: Program
    base: str

    def url(self, path: str = "/mcp") -> str:
        return self.program.url(f"{self.base}{path}")


@pytest.fixture(scope="module")
def below(tmp_path_factory) -> Iterator[Below]:
    port, data = free_port(), tmp_path_factory.mktemp("below") / "data"
    words = [PYTHON, "-m", "doorward", "serve", "examples/01_fastmcp.py", "--port", str(port), "--data-dir", data]
    words += ["--public-url", f"http://127.0.0.1:{port}/team/a"]
    with started(words, port=port, env={"DOORWARD_OWNER_PASSWORD": PASSWORD}, cwd=ROOT) as program:
        yield Below(program, "/team/a")


def test_a_person_signs_in_below_a_path_and_is_back_at_the_client(page, below, client_address):
    complaints: list[str] = []
    seen: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: seen.append(request.url))
    sign_in(page, below, register(below, client_address, "Notebook"), client_address)
    assert page.evaluate("getComputedStyle(document.querySelector('button')).cursor") == "pointer", "without styles"
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{client_address}?**")
    query = parse_qs(urlsplit(page.url).query)
    assert query["iss"] == [below.url("")]
    assert query["code"][0].startswith("dwc_")
    assert [text for text in complaints if "favicon" not in text] == []
    ours = [urlsplit(url).path for url in seen if url.startswith(below.program.url("/")) and "favicon" not in url]
    assert "/team/a/-/static/pages.css" in ours
    assert all(path.startswith("/team/a/") for path in ours)
    names = {cookie["name"] for cookie in page.context.cookies()}
    assert names
    assert all(name.startswith(f"doorward_{below.program.port}+team+a+") for name in names)


def test_the_pages_below_a_path_lead_to_each_other(page, below, client_address):
    page.goto(below.url("/-/connections"))
    page.get_by_label("User name").fill("owner")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Connections", exact=True).wait_for()
    assert page.url.startswith(below.url("/-/connections"))
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Password").wait_for()
    assert page.url.startswith(below.url("/-/login"))


def test_another_page_of_the_origin_opens_nothing_with_the_cookies(page, below, client_address):
    """Its requests look like ours to a server: same origin, with the cookies of the signed-in person."""
    sign_in(page, below, register(below, client_address, "Notebook"), client_address)
    connections = page.context.new_page()
    connections.goto(below.url("/-/connections"))
    connections.get_by_label("User name").fill("owner")
    connections.get_by_label("Password").fill(PASSWORD)
    connections.get_by_role("button", name="Sign in").click()
    connections.get_by_role("heading", name="Connections", exact=True).wait_for()
    neighbour = page.context.new_page()
    neighbour.goto(below.program.url("/elsewhere"))
    ask = "path => fetch(path).then(answer => answer.text().then(text => [answer.status, text]))"
    status, _ = neighbour.evaluate(ask, "/team/a/-/api/v1/connections")
    assert status == 401
    _, text = neighbour.evaluate(ask, "/team/a/-/connections")
    assert 'name="password"' in text
    _, text = neighbour.evaluate(ask, urlsplit(authorize_url(below, "nobody", client_address)).path)
    assert "Allow access?" not in text
