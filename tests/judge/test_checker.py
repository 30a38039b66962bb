"""The checker on histories written by hand: each break is named, and whatever an interval allows is allowed."""

from __future__ import annotations

import pytest
from judge.checker import check
from judge.history import Operation

from doorward.oauth.policy import Policy, Resource, by_uri

DOOR = Resource("https://judge.example/mcp", "mcp", ("mcp",))
POLICY = Policy("https://judge.example", by_uri(DOOR))
ME = {"user": "ann", "client": "c1", "scope": "mcp", "resource": DOOR.uri}
PAIR = {"access": "a1", "refresh": "r1", "expires_in": "3600"}
NEXT = {"access": "a2", "refresh": "r2", "expires_in": "3600"}
OTHER = {"access": "a3", "refresh": "r3", "expires_in": "3600"}


def op(name: str, start: int, end: int, outcome: str = "ok", *, at: int = 0, **more) -> Operation:
    """An operation from `start` to `end` in milliseconds, at `at` seconds of the doors' clock."""
    status = {"ok": 200, "refused": 400}.get(outcome, 0)
    values = {"status": status, "clock": (at, at), "id": f"{name}@{start}"} | more
    return Operation(name=name, start=start * 1_000_000, end=end * 1_000_000, outcome=outcome, **values)


def register(**more):
    return op("register", 0, 1, input={"registration": "n"}, issued={"client": "c1"}, **more)


def authorize(start, end, outcome="ok", **more):
    return op("authorize", start, end, outcome, input={"client": "c1", "user": "ann"}, issued={"request": "q"}, **more)


def consent(start=2, end=3, outcome="ok", **more):
    given = {"request": "q", "client": "c1", "user": "ann"}
    return op("consent", start, end, outcome, input=given, issued={"code": "k1"} if outcome == "ok" else {}, **more)


def redeem(start, end, outcome="ok", issued=PAIR, **more):
    given = {"code": "k1", "client": "c1"}
    return op("redeem", start, end, outcome, input=given, issued=issued if outcome == "ok" else {}, **more)


def refresh(start, end, outcome="ok", issued=NEXT, token="r1", **more):
    given = {"refresh": token, "client": "c1"}
    return op("refresh", start, end, outcome, input=given, issued=issued if outcome == "ok" else {}, **more)


def call(start, end, outcome="ok", token="a1", issued=ME, **more):
    return op("call", start, end, outcome, input={"access": token}, issued=issued if outcome == "ok" else {}, **more)


def revoke(start, end, outcome="ok", token="r1", kind="refresh", client="c1", **more):
    return op("revoke", start, end, outcome, input={"token": token, "kind": kind, "client": client}, **more)


AGENT = ME | {"client": "agent"}
ROBOT = ME | {"user": "robot", "client": "c9"}


def exchange(start, end, outcome="ok", subject="a1", life="3600", **more):
    given = {"subject": subject, "client": "agent", "attempt": f"{start}"}
    issued = {"access": "x1", "expires_in": life} if outcome == "ok" else {}
    return op("exchange", start, end, outcome, input=given, issued=issued, **more)


def asserted(start, end, outcome="ok", access="i1", attempt="", **more):
    given = {"assertion": "j1", "client": "c9", "user": "robot", "ends_at": "300", "attempt": attempt or f"{start}"}
    issued = {"access": access, "expires_in": "3600"} if outcome == "ok" else {}
    return op("assert", start, end, outcome, input=given, issued=issued, **more)


def issue(start, end, outcome="ok", **more):
    issued = {"access": "i1", "expires_in": "3600"} if outcome == "ok" else {}
    given = {"client": "c9", "user": "robot", "attempt": f"{start}"}
    return op("issue", start, end, outcome, input=given, issued=issued, **more)


def device_consent(start, end):
    given = {"request": "q", "client": "c1", "user": "ann", "kind": "device"}
    return op("consent", start, end, input=given, issued={"code": "k1"})


def fault(name, start, end, **more):
    return op(name, start, end, **more)


BEGUN = [register(), consent(), redeem(4, 6)]
REFRESHED = [*BEGUN, refresh(10, 12)]

ALLOWED = {
    "an ordinary life": [*REFRESHED, call(13, 14, token="a2"), revoke(20, 22, token="r2"), call(23, 24, "refused")],
    "racers with the identical answer": [*BEGUN, redeem(4, 9), redeem(5, 8), refresh(10, 15), refresh(11, 12)],
    "a retry with the identical answer": [*BEGUN, refresh(10, 12, "unknown"), refresh(13, 14)],
    "a call that overlaps a revocation, either way": [*BEGUN, revoke(10, 20), call(11, 19), call(12, 18, "refused")],
    "a refusal after a revocation that nobody confirmed": [
        *BEGUN,
        revoke(10, 11, "unknown"),
        call(50, 51, "refused"),
        revoke(60, 61),
    ],
    "a success after a revocation that nobody confirmed": [
        *BEGUN,
        revoke(10, 11, "unknown"),
        call(50, 51),
        revoke(60, 61),
    ],
    "an expired access token": [*BEGUN, call(10, 11, "refused", at=3600)],
    "an expired code": [register(), consent(), redeem(4, 5, "refused", at=60)],
    "reuse after the window ends the family": [
        *REFRESHED,
        refresh(20, 21, "refused", at=31),
        call(22, 23, "refused", token="a2"),
        refresh(24, 25, "refused", token="r2"),
    ],
    "reuse after the successor was used": [
        *REFRESHED,
        refresh(20, 21, token="r2", issued=OTHER),
        refresh(22, 23, "refused"),
        call(24, 25, "refused", token="a3"),
    ],
    "a client removed while it asks": [
        *BEGUN,
        op("end_client", 10, 20, input={"client": "c1"}),
        refresh(11, 12),
        refresh(15, 16, "refused", token="r2"),
        authorize(21, 22, "refused"),
    ],
    "another client's revocation counts for nothing": [*BEGUN, revoke(10, 11, client="c2"), call(12, 13)],
    "an unavailable store under a fault": [
        *BEGUN,
        fault("store_fault", 9, 20),
        refresh(10, 12, "unknown", status=503, error="temporarily_unavailable"),
        refresh(21, 22),
    ],
    "a consent asked twice because its answer was lost": [
        register(),
        authorize(1, 2),
        consent(2, 3, "unknown"),
        consent(4, 5, "refused"),
    ],
    "a killed node that comes back": [fault("kill", 5, 6), fault("recovery", 6, 900, input={"bar_ms": "3000"})],
    "an exchanged token lives as long as its grant": [
        *BEGUN,
        exchange(10, 11),
        call(12, 13, token="x1", issued=AGENT),
        revoke(20, 22),
        call(21, 23, token="x1", issued=AGENT),
        call(24, 25, "refused", token="x1"),
        exchange(26, 27, "refused"),
    ],
    "an exchanged token outlives the one token it was made from": [
        *BEGUN,
        exchange(10, 11),
        revoke(20, 22, token="a1", kind="access"),
        call(24, 25, token="x1", issued=AGENT),
        exchange(26, 27, "refused"),
    ],
    "an assertion is good once": [asserted(1, 5), asserted(2, 4, "refused"), call(6, 7, token="i1", issued=ROBOT)],
    "an assertion that nobody answered may have been used": [
        asserted(1, 2, "unknown", attempt="a"),
        asserted(3, 4, "refused", attempt="a"),
    ],
    "an assertion runs out": [asserted(1, 2, "refused", at=300)],
    "a service account gets tokens until it is switched off": [
        issue(1, 2),
        call(3, 4, token="i1", issued=ROBOT),
        op("end_user", 5, 6, input={"user": "robot"}),
        call(7, 8, "refused", token="i1"),
        issue(9, 10, "refused"),
    ],
    "the code of a device that comes too late again ends nothing": [
        device_consent(1, 2),
        redeem(3, 4),
        redeem(5, 6, "refused", at=30),
        call(7, 8, at=30),
    ],
    "a new sign-in takes the place of an old one": [
        *BEGUN,
        op("consent", 20, 21, at=700, input={"request": "q2", "client": "c1", "user": "ann"}, issued={"code": "k2"}),
        op("redeem", 22, 23, at=700, input={"code": "k2", "client": "c1"}, issued=OTHER),
        call(24, 25, "refused", at=700),
    ],
}

BROKEN = {
    "a code redeemed twice": (1, [*BEGUN, redeem(5, 7, issued=NEXT)]),
    "a code redeemed after the window": (1, [*BEGUN, redeem(20, 21, at=12)]),
    "two successors": (2, [*REFRESHED, refresh(11, 13, issued=OTHER)]),
    "two successors, one after an unknown": (
        2,
        [*BEGUN, refresh(10, 11, "unknown"), refresh(12, 13), refresh(14, 15, issued=OTHER)],
    ),
    "a repeat after the window": (2, [*REFRESHED, refresh(20, 21, at=32)]),
    "a repeat after the successor was used": (
        2,
        [*REFRESHED, refresh(20, 21, token="r2", issued=OTHER), refresh(30, 31)],
    ),
    "a client forgotten": (3, [register(), authorize(5, 6, "refused")]),
    "a code forgotten": (3, [register(), consent(), redeem(4, 5, "refused")]),
    "a refresh token forgotten": (3, [*BEGUN, refresh(10, 11, "refused")]),
    "an access token forgotten": (3, [*BEGUN, call(10, 11, "refused")]),
    "a retry refused inside the window": (4, [*BEGUN, refresh(10, 11, "unknown"), refresh(12, 13, "refused")]),
    "a retry of a code refused inside the window": (
        4,
        [register(), consent(), redeem(4, 5, "unknown"), redeem(6, 7, "refused")],
    ),
    "never a verdict": (4, [*BEGUN, refresh(10, 11, "unknown"), refresh(12, 13, "unknown")]),
    "a call after a revocation": (5, [*BEGUN, revoke(10, 11), call(12, 13)]),
    "a call after its own token was revoked": (5, [*BEGUN, revoke(10, 11, token="a1", kind="access"), call(12, 13)]),
    "a refresh after a revocation": (5, [*BEGUN, revoke(10, 11), refresh(12, 13)]),
    "a call after the user was disabled": (5, [*BEGUN, op("end_user", 10, 11, input={"user": "ann"}), call(12, 13)]),
    "a consent after the client was removed": (
        5,
        [register(), op("end_client", 1, 2, input={"client": "c1"}), consent(3, 4)],
    ),
    "a call after reuse had ended the family": (
        5,
        [*REFRESHED, refresh(20, 21, "refused", at=32), call(22, 23, token="a2")],
    ),
    "somebody else's identity": (6, [*BEGUN, call(10, 11, issued=ME | {"user": "bob"})]),
    "another audience": (6, [*BEGUN, call(10, 11, issued=ME | {"resource": "https://elsewhere.example/mcp"})]),
    "a token that nobody was given": (6, [*BEGUN, call(10, 11, token="a9")]),
    "a token after its life": (6, [*BEGUN, call(10, 11, at=3602)]),
    "a stranger's redemption": (6, [register(), consent(), redeem(4, 5, hostile=True)]),
    "a call without a token": (7, [op("call", 4, 5, hostile=True)]),
    "a verdict during a store fault": (8, [*BEGUN, fault("store_fault", 9, 20), refresh(10, 11, "refused")]),
    "a verdict inside a 503": (
        8,
        [
            *BEGUN,
            fault("store_fault", 9, 20),
            refresh(10, 11, "unknown", status=503, error="invalid_grant"),
            refresh(21, 22),
        ],
    ),
    "a 503 without a fault": (10, [*BEGUN, refresh(10, 11, "unknown", status=503), refresh(21, 22)]),
    "back too late": (10, [fault("recovery", 0, 3001, input={"bar_ms": "3000"})]),
    "an exchange after a revocation": (5, [*BEGUN, revoke(10, 11), exchange(12, 13)]),
    "an exchanged token after its grant was revoked": (
        5,
        [*BEGUN, exchange(8, 9), revoke(10, 11), call(12, 13, token="x1", issued=AGENT)],
    ),
    "an exchanged token that lives longer": (6, [*BEGUN, exchange(8, 9, at=1000)]),
    "an exchanged token that passes for the other client's": (6, [*BEGUN, exchange(8, 9), call(12, 13, token="x1")]),
    "an exchange refused for nothing": (3, [*BEGUN, exchange(8, 9, "refused")]),
    "an assertion used twice": (1, [asserted(1, 2), asserted(3, 4, access="i2")]),
    "an assertion refused for nothing": (3, [asserted(1, 2, "refused")]),
    "a token issued after its account was switched off": (
        5,
        [op("end_user", 1, 2, input={"user": "robot"}), issue(3, 4)],
    ),
    "a service account's token after it was switched off": (
        5,
        [issue(1, 2), op("end_user", 3, 4, input={"user": "robot"}), call(5, 6, token="i1", issued=ROBOT)],
    ),
    "a service client that never had a verdict": (4, [issue(1, 2, "unknown")]),
    "two answers to one code of a device": (1, [device_consent(1, 2), redeem(3, 4), redeem(4, 6, issued=NEXT)]),
    "never back": (10, [fault("recovery", 0, 1, outcome="refused", input={"bar_ms": "3000"})]),
}


@pytest.mark.parametrize("history", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_an_honest_server_may_do_breaks_nothing(history):
    assert list(map(str, check(sorted(history, key=lambda each: each.start), POLICY).breaks)) == []


@pytest.mark.parametrize(("invariant", "history"), BROKEN.values(), ids=BROKEN.keys())
def test_a_break_is_named_by_its_invariant(invariant, history):
    verdict = check(sorted(history, key=lambda each: each.start), POLICY)
    assert {each.invariant for each in verdict.breaks} == {invariant}
    assert verdict.fed[invariant] > 0


def test_what_went_unanswered_and_was_resolved_is_counted():
    verdict = check([*BEGUN, refresh(10, 11, "unknown"), refresh(12, 13)], POLICY)
    assert (verdict.unknown, verdict.resolved) == (1, 1)
