"""One script against Doorward and a certified authorization server: every difference has a reason, written here.

The other server is panva's oidc-provider. Where both agree on some seventy requests, good and bad, a misreading of the
specifications would have to be shared.
"""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from flows import foreign, node
from flows.door import PASSWORD, serving
from flows.oracle import Server
from flows.oracle_script import CASES
from flows.processes import ROOT, free_port, started
from flows.user_agent import Person

BEFORE_THE_PAGES = "scopes that do not exist are refused before anybody signs in; the other drops them (RFC 6749 s3.3)"
ALWAYS_401 = "a client that is not proved is 401 invalid_client, as RFC 6749 s5.2 has it for header and body alike"
EXPLAINED: dict[str, tuple[str, str, str]] = {
    "authorize a token response": (
        "back: unsupported_response_type",
        "back in the fragment: unsupported_response_type",
        "only the query is a response mode here, so errors go there as well",
    ),
    "authorize an unknown scope": ("back: invalid_scope", "pages", BEFORE_THE_PAGES),
    "push an unknown scope": ("400 invalid_scope", "201", BEFORE_THE_PAGES),
    "redeem without a verifier": (
        "400 invalid_request",
        "400 invalid_grant",
        "a missing parameter is invalid_request (RFC 6749 s5.2), and does not burn the code",
    ),
    "redeem with a short verifier": (
        "400 invalid_grant",
        "400 invalid_request",
        "a verifier that cannot match does not match; its length is no other kind of fault",
    ),
    "redeem twice, the second time as a thief": (
        "200, 400 invalid_grant, then refresh 400 invalid_grant",
        "200, 400 invalid_grant, then refresh 200",
        "a replay by whoever lacks the verifier ends what the code gave (RFC 9700 s4.5); the other checks PKCE first",
    ),
    "redeem twice, honestly": (
        "200",
        "400 invalid_grant",
        "within 10 s the same client with the right verifier has lost a reply, and gets the identical one",
    ),
    "refresh again at once": (
        "200",
        "400 invalid_grant",
        "within 30 s, before the successor is used, a repeat gets the identical successor",
    ),
    "revoke the access token": (
        "200, then refresh 200",
        "200, then refresh 400 invalid_grant",
        "RFC 7009 s2.1 leaves it open; a client that gives up one access token keeps its grant here",
    ),
    "revoke another client's token": (
        "200, then refresh 200",
        "400 invalid_request, then refresh 200",
        "the same answer as for a token that does not exist, so that nobody can try tokens out",
    ),
    "post for a Basic client": (
        "401 invalid_client",
        "400 invalid_grant",
        "the registered method is the only one; the other takes either way to send the secret",
    ),
    "Basic without base64": ("401 invalid_client", "400 invalid_request", ALWAYS_401),
    "Basic without a colon": ("401 invalid_client", "400 invalid_request", ALWAYS_401),
    "Bearer instead of Basic": ("401 invalid_client", "400 invalid_request", ALWAYS_401),
    "no client at all": ("401 invalid_client", "400 invalid_request", ALWAYS_401),
    "revoke as nobody": ("401 invalid_client", "400 invalid_request", ALWAYS_401),
    "introspect as nobody": ("401 invalid_client", "400 invalid_request", ALWAYS_401),
    "introspect as a public client": (
        "401 invalid_client",
        "200 active=False",
        "RFC 7662 s2.1 demands that whoever asks has proved who it is; a public client cannot",
    ),
    "introspect as another client": (
        "200 active=False",
        "200 active=True",
        "a client learns about its own tokens only, unless an operator made it a resource server",
    ),
    "push a request_uri": (
        "400 invalid_request",
        "400 request_uri_not_supported",
        "RFC 9126 s2.1 names invalid_request for a request_uri that is pushed",
    ),
}
"""Case: what Doorward says, what the other says, and why Doorward does not do as the other does."""

Said = dict[str, str]


async def put(issuer: str, resource: str) -> Said:
    """Put the whole script to one server."""
    async with httpx2.AsyncClient(timeout=30) as http:
        metadata = (await http.get(f"{issuer}/.well-known/oauth-authorization-server")).raise_for_status().json()
        server = Server(metadata, resource, Person(password=PASSWORD), http)
        return {name: await case(server) for name, case in CASES.items()}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, Said]:
    folder = tmp_path_factory.mktemp("door") / "data"
    with serving(foreign.SERVERS / "fastmcp_server.py", data_dir=folder) as door:
        ours = asyncio.run(put(door.program.url(""), door.url))
    node.install()
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    program = ROOT / "tests" / "node" / "oracle.mjs"
    with started([node.binary(), program, str(port), f"{issuer}/mcp"], port=port):
        theirs = asyncio.run(put(issuer, f"{issuer}/mcp"))
    return ours, theirs


def unexplained(ours: Said, theirs: Said) -> list[str]:
    """Return each case in which the two differ and no reason is given, or a reason is given for what is not so."""
    found = []
    for name in CASES:
        mine, other = ours[name], theirs[name]
        expected = EXPLAINED.get(name)
        if (mine != other) if expected is None else ((mine, other) != expected[:2]):
            found.append(f"{name}: here {mine!r}, there {other!r}")
    return found


def test_every_difference_from_the_other_server_is_explained(both: tuple[Said, Said]):
    assert unexplained(*both) == []


def test_the_script_is_long_enough_and_every_reason_belongs_to_a_case():
    assert len(CASES) >= 60
    assert set(EXPLAINED) <= set(CASES)


def test_a_server_that_redeems_anothers_code_would_be_noticed(both: tuple[Said, Said]):
    weak = both[0] | {"redeem another client's code": "200"}
    assert unexplained(weak, both[1]) == ["redeem another client's code: here '200', there '400 invalid_grant'"]
