"""The cookies of one browser at one installation, and at its neighbours on the same host."""

from __future__ import annotations

import itertools

import pytest

from doorward.login.browser_sessions import BrowserCookie

NEIGHBOURS = (
    "https://host.example",
    "https://host.example:8443",
    "https://host.example/a",
    "https://host.example/a-b",
    "https://host.example/a_b",
    "https://host.example/a/b",
    "https://host.example/A",
    "https://host.example/_8443",
    "https://host.example:8443/a",
)


@pytest.mark.requirement("B-02")
@pytest.mark.parametrize(
    ("issuer", "name", "is_shared"),
    [
        ("https://host.example", "__Host-doorward", False),
        ("https://host.example:8443", "__Host-doorward_8443", True),
        ("http://127.0.0.1:8000", "doorward_8000", True),
        ("http://localhost", "doorward", True),
        ("https://host.example/team", "__Host-doorward+team+", True),
        ("https://host.example:8443/a/b", "__Host-doorward_8443+a+b+", True),
        ("http://127.0.0.1:8000/team", "doorward_8000+team+", True),
    ],
)
def test_the_name_of_a_cookie_says_whose_it_is(issuer, name, is_shared):
    cookie = BrowserCookie.for_issuer(issuer)
    assert (cookie.name, cookie.is_shared) == (name, is_shared)
    assert cookie.header("x").startswith(f"{name}=x; Path=/; HttpOnly; SameSite=Lax")


@pytest.mark.parametrize(("ours", "theirs"), list(itertools.permutations(NEIGHBOURS, 2)))
def test_no_installation_takes_a_cookie_of_another_one_away(ours, theirs):
    """A browser has only so many cookies of a host, so each installation removes its own oldest ones."""
    mine, other = BrowserCookie.for_issuer(ours), BrowserCookie.for_issuer(theirs)
    kept = [other.name, *(other.flow_name(f"{number:032}") for number in range(40))]
    assert mine.name not in kept
    assert mine.surplus(kept) == []
    assert len(other.surplus(kept)) == 21
