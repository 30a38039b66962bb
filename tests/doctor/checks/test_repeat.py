"""What fails only now and then, and what needs a second sign-in."""

from __future__ import annotations

from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from doctor.driving import pictured
from doctor.examining import URL, only, rules_of, signed_in

from doorward.doctor.checks import repeat
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request, Response, Together
from testbed.answers import page, reply
from testbed.good import ORIGIN, Good

METADATA = Good().metadata
CLIENT = {"client_id": "c", "redirect_uris": ["https://client.example.com/cb"], "token_endpoint_auth_method": "none"}


def driven(check, answer, **picture) -> tuple[list, Picture, list[Request]]:
    """Run one check alone, against a function from request to answer."""
    seen = pictured(URL, server=METADATA, registered={"claude": dict(CLIENT)}, **{"repeat": 10, **picture})
    steps, asked = check(seen), []
    try:
        ask = next(steps)
        while True:
            parts = ask.requests if isinstance(ask, Together) else (ask,)
            asked += parts
            answers = [answer(each) for each in parts]
            ask = steps.send(Response(0, parts=tuple(answers)) if isinstance(ask, Together) else answers[0])
    except StopIteration as end:
        return end.value, seen, asked


def on_turns(*answers: Response):
    """Answer as nodes that take turns."""
    turn = iter(range(10_000))
    return lambda request: answers[next(turn) % len(answers)]


SHOWN, UNKNOWN = page(), page(400)
NO_CODE, NO_CLIENT = reply(400, {"error": "invalid_grant"}), reply(401, {"error": "invalid_client"})


@pytest.mark.parametrize("check", repeat.CHECKS)
def test_nothing_is_asked_without_repeat(check):
    findings, picture, asked = driven(check, on_turns(SHOWN), repeat=0)
    assert not findings
    assert not asked
    assert all("--repeat" in why for why in picture.not_checked.values())


def test_two_nodes_that_take_turns_are_found_by_the_share_of_each():
    [finding], _, _ = driven(repeat.vanishing, on_turns(SHOWN, UNKNOWN))
    assert finding.rule == "REG-03"
    assert "now and then" in finding.summary
    assert "at once: 5 of 10 refused (400)" in finding.evidence


def test_a_client_that_is_gone_after_the_pause_is_told_from_one_that_comes_and_goes():
    asked = iter(range(100))
    [finding], _, _ = driven(repeat.vanishing, lambda request: SHOWN if next(asked) < 10 else UNKNOWN)
    assert "gone after a while" in finding.summary


def test_a_client_that_the_token_endpoint_alone_has_lost_is_found():
    tokens = iter([NO_CODE, NO_CLIENT])
    [finding], _, _ = driven(repeat.vanishing, lambda request: next(tokens) if request.method == "POST" else SHOWN)
    assert finding.evidence[3] == "then the token endpoint: 401 invalid_client"


def test_a_client_that_the_token_endpoint_never_knew_has_another_fault():
    assert not driven(repeat.vanishing, lambda request: NO_CLIENT if request.method == "POST" else SHOWN)[0]


@pytest.mark.parametrize("answer", [UNKNOWN, reply(302, location="https://client.example.com/cb?error=invalid_scope")])
def test_what_is_refused_each_time_is_left_to_the_rule_that_knows_why(answer):
    findings, picture, _ = driven(repeat.vanishing, on_turns(answer))
    assert not findings
    assert "at no time" in picture.not_checked["REG-03"]


def test_what_a_limit_turns_away_does_not_count():
    for answer in (reply(429, {}), page(502), Response(0, fault="timeout")):
        findings, _, _ = driven(repeat.vanishing, on_turns(SHOWN, answer))
        assert not findings


def test_one_pause_is_asked_for_and_the_number_of_tries_is_that_of_the_user():
    _, _, asked = driven(repeat.vanishing, on_turns(SHOWN), repeat=25)
    assert [each.wait_seconds for each in asked if each.wait_seconds] == [60]
    assert sum(each.method == "GET" for each in asked) == 50


def late(known_after: int):
    """Answer as a store in which a client can be read only after so many further requests."""
    made, now = {}, iter(range(10_000))

    def answer(request: Request) -> Response:
        at = next(now)
        if request.url.endswith("/register"):
            made[f"c{at}"] = at
            return reply(201, {"client_id": f"c{at}"})
        text = request.body.decode() or urlsplit(request.url).query
        known = at - made[parse_qs(text)["client_id"][0]] > known_after
        return (NO_CODE if known else NO_CLIENT) if request.method == "POST" else (SHOWN if known else UNKNOWN)

    return answer


@pytest.mark.parametrize(("known_after", "missing"), [(0, 0), (1, 10), (2, 20)])
def test_a_store_that_lags_is_found_by_how_often_it_did(known_after, missing):
    findings, picture, _ = driven(repeat.settling, late(known_after))
    assert [finding.evidence[1] for finding in findings] == (
        [f"at once: the client was not known in {missing} of 20 answers"] if missing else []
    )
    assert len(picture.registered) == 11, "what was registered is there to be deleted"


def test_a_slow_store_makes_no_more_requests_than_are_allowed():
    _, _, asked = driven(repeat.settling, late(2), repeat=50)
    assert len(asked) == 20 * 3 + 10


def test_a_client_that_never_becomes_known_is_left_to_another_rule():
    assert not driven(repeat.settling, late(1000))[0]


def test_the_rounds_end_when_registration_does():
    _, _, asked = driven(repeat.settling, on_turns(reply(429, {})))
    assert len(asked) == 1


def after_redirect(*answers: Response):
    """Answer authorize with a redirect to a page of the server, and the page by turns."""
    turns = on_turns(*answers)
    moved = reply(303, location="/login?flow=1", set_cookie="flow=1; Path=/; HttpOnly, csrf=2; Path=/")
    return lambda request: moved if urlsplit(request.url).path == "/authorize" else turns(request)


@pytest.mark.parametrize(
    ("answers", "rules"),
    [
        ([SHOWN, UNKNOWN], ["STO-02"]),
        ([SHOWN], []),
        ([UNKNOWN], []),
        # A page that can be loaded only once is another fault.
        ([SHOWN, *[UNKNOWN] * 20], []),
    ],
)
def test_a_sign_in_that_only_some_connections_know_is_found(answers, rules):
    findings, _, asked = driven(repeat.one_node, after_redirect(*answers))
    assert [finding.rule for finding in findings] == rules
    assert asked[1].headers["cookie"] == "flow=1; csrf=2"


def test_the_page_of_an_identity_provider_is_left_alone():
    moved = reply(303, location="https://login.example.org/?flow=1")
    turns = on_turns(SHOWN, UNKNOWN)
    findings, _, asked = driven(
        repeat.one_node, lambda request: moved if urlsplit(request.url).path == "/authorize" else turns(request)
    )
    assert not findings
    assert len(asked) == 2


async def test_a_second_sign_in_opens_a_second_tab_and_its_tokens_are_given_back():
    asked = []

    class Noting(Good):
        async def person(self, ask):
            asked.append(ask)
            return await super().person(ask)

    server = Noting()
    report = await signed_in(server, repeat=1)
    assert not report.findings
    assert [bool(ask.meanwhile) for ask in asked] == [False, True]
    assert parse_qs(urlsplit(asked[1].url).query)["state"] != parse_qs(urlsplit(asked[1].meanwhile).query)["state"]
    assert not [token for token in server.tokens if server.accepts(token)]


async def test_one_slot_for_all_sign_ins_of_a_browser_is_a_risk_that_only_two_tabs_show():
    class OneSlot(Good):
        async def person(self, ask):
            # The second tab overwrites what the first one needs.
            return page(400) if ask.meanwhile else self.sign_in(ask)

    finding = only(await signed_in(OneSlot(), repeat=1))
    assert (finding.rule, finding.verdict) == ("AUT-09", "risk")


async def test_a_person_who_finishes_the_second_tab_is_as_welcome():
    class Second(Good):
        async def person(self, ask):
            return self.sign_in(ask if not ask.meanwhile else type(ask)(ask.meanwhile, ask.redirect_uri))

    assert not (await signed_in(Second(), repeat=1)).findings


async def test_a_server_that_ignores_the_resource_spends_the_code_and_that_is_no_fault():
    class Ignores(Good):
        def redeem(self, client, form):
            return super().redeem(client, {name: value for name, value in form.items() if name != "resource"})

    server = Ignores()
    assert not (await signed_in(server, repeat=1)).findings
    assert not [token for token in server.tokens if server.accepts(token)]


async def test_the_mistake_comes_before_the_right_try():
    server = Good()
    report = await signed_in(server, repeat=1)
    forms = [dict(parse_qsl(each.body.decode())) for each in server.requests if each.url == f"{ORIGIN}/token"]
    resources = [form["resource"] for form in forms if form.get("code", "").startswith("code-")]
    assert resources == [URL, "https://doorward-check.invalid/mcp", URL]
    assert rules_of(report) == []
