"""A person with a very small web browser, in Python: the twin of `tests/node/user_agent.mjs`.

Follows redirects by hand, keeps cookies per host, fills the sign-in form, presses a button on the consent page, and
stops where the browser would have called the client back. Knows nothing of OAuth but the redirect URI.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import SplitResult, parse_qsl, urljoin, urlsplit

import httpx2

MAX_STEPS = 20
USERNAME_FIELDS = {"username", "user", "email", "login"}


class Stopped(RuntimeError):
    """The browser got stuck: a page without a form, an error page, or a redirect loop."""


@dataclass(frozen=True)
class Person:
    """Who signs in, and what they decide."""

    username: str = "owner"
    password: str = field(default="", repr=False)
    decision: str = "approve"


@dataclass(frozen=True)
class CallBack:
    """What the client got back, and the pages passed on the way."""

    parameters: dict[str, str]
    pages: list[str]


@dataclass
class Form:
    """One `<form method=post>`."""

    action: str = ""
    fields: list[dict[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.posts: list[Form] = []
        self._open: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and found.get("method", "get").lower() == "post":
            self._open = Form(found.get("action", ""))
            self.posts.append(self._open)
        elif tag in {"input", "button"} and self._open is not None:
            self._open.fields.append({"tag": tag, **found})

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


class Browser:
    """One browser with its cookies; use the same one twice to come back signed in."""

    def __init__(self) -> None:
        self.cookies: dict[str, dict[str, str]] = {}

    async def follow(self, url: str, redirect_uri: str, person: Person) -> CallBack:
        """Walk from `url` to the redirect to `redirect_uri`."""
        pages: list[str] = []
        body: dict[str, str] | None = None
        async with httpx2.AsyncClient(timeout=30) as http:
            for _ in range(MAX_STEPS):
                reply = await self._send(http, url, body, came_from_here=bool(pages))
                pages.append(urlsplit(url).path)
                if reply.has_redirect_location:
                    url, body = urljoin(url, reply.headers["location"]), None
                    if _place(urlsplit(url)) == _place(urlsplit(redirect_uri)):
                        return CallBack(dict(parse_qsl(urlsplit(url).query)), pages)
                    continue
                form = first_form(reply.text) if reply.status_code == 200 else None
                if form is None:
                    raise Stopped(f"{reply.status_code} at {url}: {reply.text[:400]}")
                url, body = urljoin(url, form.action), fill(form, person)
        raise Stopped(f"no way back to the client after {MAX_STEPS} pages: {pages}")

    async def _send(
        self, http: httpx2.AsyncClient, url: str, body: dict[str, str] | None, *, came_from_here: bool
    ) -> httpx2.Response:
        parts = urlsplit(url)
        jar = self.cookies.setdefault(parts.hostname or "", {})
        headers = {
            "Accept": "text/html",
            "Sec-Fetch-Site": "same-origin" if came_from_here else "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        }
        if jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if body is None:
            reply = await http.get(url, headers=headers)
        else:
            reply = await http.post(url, headers={**headers, "Origin": f"{parts.scheme}://{parts.netloc}"}, data=body)
        for line in reply.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "max-age=0" in line.lower():
                jar.pop(name.strip(), None)
            else:
                jar[name.strip()] = value.strip()
        http.cookies.clear()  # ours is the only jar
        return reply


def first_form(html: str) -> Form | None:
    """Return the first form that is posted, or None."""
    parser = _Forms()
    parser.feed(html)
    return parser.posts[0] if parser.posts else None


def fill(form: Form, person: Person) -> dict[str, str]:
    """Return what a browser sends when the person has filled the form and pressed the button of their decision."""
    body: dict[str, str] = {}
    buttons = [entry for entry in form.fields if entry["tag"] == "button" or entry.get("type") == "submit"]
    for entry in form.fields:
        name = entry.get("name")
        if not name or entry in buttons or (entry.get("type") == "checkbox" and "checked" not in entry):
            continue
        if entry.get("type") == "password":
            body[name] = person.password
        elif entry.get("type") != "hidden" and (name in USERNAME_FIELDS or entry.get("autocomplete") == "username"):
            body[name] = person.username
        else:
            body[name] = entry.get("value", "")
    pressed = next((entry for entry in buttons if entry.get("value") == person.decision), buttons[0] if buttons else {})
    if pressed.get("name"):
        body[pressed["name"]] = pressed.get("value", "")
    return body


def _place(parts: SplitResult) -> tuple[str, str, str]:
    return (parts.scheme, parts.netloc, parts.path)
