"""What the typed host opens: its own addresses, as they were found once, and nothing that is named later."""

from __future__ import annotations

import socket

import pytest

from doorward.doctor.engine.requests import Connect, Request
from doorward.doctor.network.sending import Network
from doorward.doctor.network.target import Target, look_up_target

INNER, PUBLIC, NEIGHBOUR, METADATA = "10.0.0.9", "93.184.216.34", "10.0.0.5", "169.254.169.254"
TYPED = "http://evil.example/mcp"


class Names:
    """A name server that gives each answer for `evil.example` once, and the last one from then on."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int) -> list[str]:
        if host.lower().rstrip(".") == "evil.example":
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return {"as.evil.example": [NEIGHBOUR], "localhost": ["127.0.0.1", "::1"]}.get(host, [host])


class Nowhere:
    """Notes who would be reached, and reaches nobody."""

    def __init__(self) -> None:
        self.dialed: list[str] = []

    async def dial(self, address: str, port: int) -> socket.socket:
        self.dialed.append(address)
        raise OSError(111, "Connection refused")


async def dialed(names: Names, *urls: str, typed: str = TYPED, allow_private: bool = False) -> set[str]:
    target = await look_up_target(typed, names)
    dialer = Nowhere()
    network = Network(allow_private=allow_private, target=target, timeout_seconds=5, resolver=names, dialer=dialer)
    for url in urls:
        await network.send(Request("GET", url))
        await network.send(Connect("GET", url))
        await network.send(Connect("GET", url, family="IPv4"))
    await network.close()
    return set(dialer.dialed)


EVERYWHERE = (
    TYPED,
    "http://EVIL.example./mcp",
    "http://evil.example:8080/token",
    f"http://{NEIGHBOUR}:8080/reboot",
    f"http://[::ffff:{NEIGHBOUR}]/",
    "https://as.evil.example/token",
    f"http://{METADATA}/latest/meta-data",
    "http://127.0.0.1:8500/v1/kv",
    "http://localhost:8500/v1/kv",
)


@pytest.mark.parametrize(
    ("answers", "reached"),
    [
        ([[INNER], [PUBLIC]], {INNER}),
        ([[PUBLIC], [INNER]], {PUBLIC}),
        ([[INNER], [NEIGHBOUR], [METADATA]], {INNER}),
        ([[PUBLIC, INNER]], set()),
        ([[METADATA], [PUBLIC]], set()),
        ([["127.0.0.1"], [INNER]], {"127.0.0.1", "::1"}),
        ([["127.0.0.1", INNER], [PUBLIC]], {"127.0.0.1", INNER}),
    ],
    ids=[
        "an inner address first",
        "a public address first",
        "an inner one and then its neighbours",
        "an inner one beside a public one",
        "the metadata service of a cloud",
        "this machine opens this machine",
        "this machine and an inner one",
    ],
)
async def test_only_what_the_first_look_up_found_is_reached(answers, reached):
    assert await dialed(Names(*answers), *EVERYWHERE) <= reached


async def test_a_server_at_an_inner_address_is_reached_there():
    assert await dialed(Names([INNER]), TYPED) == {INNER}
    assert await dialed(Names([PUBLIC]), TYPED) == {PUBLIC}
    assert await dialed(Names([PUBLIC]), "http://localhost:8500/", typed="http://127.0.0.1:8000/mcp") == {
        "127.0.0.1",
        "::1",
    }


async def test_the_user_may_open_all_of_them():
    assert await dialed(Names([PUBLIC]), f"http://{NEIGHBOUR}/", allow_private=True) == {NEIGHBOUR}


async def test_a_handshake_reaches_no_metadata_service_that_a_request_may_not_reach():
    assert await dialed(Names([PUBLIC]), f"http://{METADATA}/", allow_private=True) == set()


@pytest.mark.parametrize(
    ("addresses", "where"),
    [
        (("127.0.0.1", "::1"), "loopback"),
        (("10.0.0.1",), "special"),
        (("10.0.0.1", "127.0.0.1"), "special"),
        (("1.1.1.1", "10.0.0.1"), "public"),
        ((), "public"),
    ],
)
def test_a_host_leads_where_all_its_addresses_lead(addresses, where):
    assert Target("evil.example", addresses).reach == where


@pytest.mark.parametrize("url", ["not a url", "http://no.such.name.invalid/mcp"])
async def test_what_cannot_be_looked_up_opens_nothing(url):
    assert (await look_up_target(url)).inner_addresses == frozenset()
