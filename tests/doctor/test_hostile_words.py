"""Text of a stranger in the doctor's hands: no expression takes long over it, and no secret leaves with it."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from itertools import islice

import pytest
from doctor.hostile.documents import INSIDE
from doctor.hostile.guard import OnlyTheseNames, OnlyThisMachine

import doorward.doctor
from doorward.doctor.engine.check import Picture, challenge_of
from doorward.doctor.engine.masking import shown
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.engine.run import examine
from doorward.doctor.network.sending import Network
from doorward.doctor.report.formats import as_json, as_lines
from testbed.answers import reply
from testbed.good import ORIGIN, Good

URL = f"{ORIGIN}/mcp"
# As much as an answer may hold. What looks at a character again for each one before it takes minutes over this.
LONG = 256 * 1024
SHOWN = 8 * 1024
MATCHES = 10_000
PIECES = (
    "a", "_", "1", " ", "\n", "\\", '"', "'", "=", ":", ",", ";", ".", "-", "/", "<", "<a ", "a=", 'a="', 'a="\\"',
    "a= ", '="', "bearer ", "client_secret=", 'code":', "eyJ", "-eyJaaaaaaaa", "eyJaaaaaaaa.", "<meta ", "\u00e9",
    "<meta content=", "<meta content-security-policy content='", "content=\"'", "data:", "data: {", "event: ",
    "x-a: ", "%3F", "dwa_", "http://", "?code=", "&code", '\\\\"', "password ", "cookie: ", "<form ", "<input ",
    "<title>",
)  # fmt: skip


def expressions() -> dict[str, re.Pattern[str] | re.Pattern[bytes]]:
    names = [module.name for module in pkgutil.walk_packages(doorward.doctor.__path__, "doorward.doctor.")]
    return {
        f"{name.removeprefix('doorward.doctor.')}.{attribute}": value
        for name in names
        for attribute, value in vars(importlib.import_module(name)).items()
        if isinstance(value, re.Pattern)
    }


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", sorted(expressions()))
def test_no_expression_takes_long_over_long_text(name):
    expression = expressions()[name]
    length = SHOWN if name.startswith("engine.masking.") else LONG
    for piece in PIECES:
        text = (piece * (length // len(piece) + 1))[:length]
        subject = text.encode() if isinstance(expression.pattern, bytes) else text
        # As many as a page could matter for; what takes long does so at the first one that it does not find.
        assert len(list(islice(expression.finditer(subject), MATCHES))) <= MATCHES


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", PIECES)
def test_a_megabyte_is_shown_and_read_at_once(piece):
    text = piece * (1_000_000 // len(piece))
    assert len(shown(text)) < 1000
    assert challenge_of(Response(401, {"www-authenticate": f"Bearer {text}"}))["scheme"] == "Bearer"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/register/1",
        "http://mcp.example.com/register/1",
        "https://mcp.example.com:8443/register/1",
        "https://mcp.example.com@evil.example/register/1",
        "https://mcp.example.com.evil.example/register/1",
        "//evil.example/register/1",
        "https://[evil",
    ],
)
async def test_the_secret_of_a_registration_goes_to_nobody_but_its_issuer(elsewhere):
    class Elsewhere(Good):
        def register(self, request):
            return reply(201, json.loads(super().register(request).body) | {"registration_client_uri": elsewhere})

    server = Elsewhere()
    await examine(Picture(URL), server.send)
    assert not [request for request in server.requests if request.url == elsewhere or request.method == "DELETE"]


@pytest.mark.parametrize("place", [INSIDE, "https://localhost/x", "http://[::1]/x", "https://[64:ff9b::a9fe:a9fe]/"])
async def test_a_public_server_leads_nobody_inside(place):
    class Inside(Good):
        def change(self):
            self.document["authorization_servers"] = [place]
            for name in [name for name in self.metadata if name.endswith("_endpoint")]:
                self.metadata[name] = place

        def unauthorized(self, request):
            return reply(401, {}, www_authenticate=f'Bearer resource_metadata="{place}"')

        def login_page(self, query):
            return reply(302, location=place)

    server, dialer = Inside(), OnlyThisMachine()
    network = Network(allow_private=False, timeout_seconds=1, dialer=dialer, resolver=OnlyTheseNames())
    answers: list[Response] = []

    async def send(request: Request) -> Response:
        if request.url.startswith(f"{ORIGIN}/"):
            return await server.send(request)
        answers.append(await network.send(request))
        return answers[-1]

    report = await examine(Picture(URL), send)
    assert report.findings
    assert {answer.fault for answer in answers} == {"blocked_address"}
    assert dialer.refused == []


@pytest.mark.parametrize(
    ("said", "dialled"), [(False, set()), (True, {"169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254"})]
)
async def test_a_server_of_this_machine_leads_nobody_to_the_credentials_of_a_cloud(said, dialled):
    dialer = OnlyThisMachine()
    network = Network(
        allow_private=True, allow_metadata=said, timeout_seconds=1, dialer=dialer, resolver=OnlyTheseNames()
    )
    for place in (INSIDE, "http://[fd00:ec2::254]/", "http://[::ffff:169.254.169.254]/"):
        answer = await network.send(Request("GET", place))
        assert answer.fault == ("unreachable" if said else "blocked_address")
    assert set(dialer.refused) == dialled


@pytest.mark.parametrize(
    "header",
    ["Bearer the-pass-word-of-the-user", "Basic dGhlOnBhc3Mtd29yZA==", "the-pass-word-of-the-user"],
)
async def test_what_the_user_sends_is_repeated_nowhere_however_it_is_echoed(header):
    class Echo(Good):
        def endpoint(self, request):
            said = request.headers.get("x-pass", "")
            words = {"error": said, said: said, "nested": [f"got {said}!", said[:-1] + "\\u0000"]}
            return reply(403, words, server=said, location=f"https://x.example/?{said}")

    report = await examine(Picture(URL, headers={"x-pass": header}), Echo().send)
    assert report.findings
    text = json.dumps(as_json(report)) + "\n".join(as_lines(report))
    assert header not in text
