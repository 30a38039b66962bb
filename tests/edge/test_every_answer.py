"""The headers that every answer outside the doors has."""

from __future__ import annotations

import pytest
from world import world


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/-/login"),
        ("GET", "/authorize"),
        ("POST", "/token"),
        ("OPTIONS", "/token"),
        ("PUT", "/token"),
        ("GET", "/nothing"),
        ("GET", "/-/health"),
        ("GET", "/-/api/v1/clients"),
    ],
)
async def test_each_answer_has_an_id_of_its_own(tmp_path, method: str, path: str):
    async with world(tmp_path) as w, w.browser() as http:
        answers = [await http.request(method, path) for _ in range(2)]
    ids = [answer.headers.get_list("x-request-id") for answer in answers]
    assert [len(each) for each in ids] == [1, 1]
    assert ids[0] != ids[1]


async def test_a_page_in_a_browser_may_read_it(tmp_path):
    async with world(tmp_path) as w, w.browser() as http:
        answer = await http.post("/token", headers={"origin": "https://client.example"})
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
