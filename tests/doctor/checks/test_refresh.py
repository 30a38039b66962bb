"""The refresh, and what clients do when something goes wrong on its way."""

from __future__ import annotations

import pytest
from doctor.examining import only, rules_of, signed_in

from doorward.doctor.engine.requests import Response
from testbed.answers import page, reply
from testbed.broken import BROKEN
from testbed.good import ORIGIN, Good


def refreshes(server: Good) -> int:
    return sum(b"grant_type=refresh_token" in each.body for each in server.requests)


async def test_without_repeat_a_refresh_is_tried_and_tried_again_at_once():
    server = Good()
    report = await signed_in(server)
    assert refreshes(server) == 2
    assert report.not_checked["TOK-02"] == "needs --repeat"


async def test_with_repeat_two_refreshes_go_at_once_and_one_five_seconds_later():
    server = Good()
    report = await signed_in(server, repeat=1)
    waits = [each.wait_seconds for each in server.requests if b"grant_type=refresh_token" in each.body]
    assert waits == [0, 0, 5]
    assert not report.findings


async def test_a_race_that_costs_one_window_its_sign_in_is_a_risk():
    class Strict(Good):
        def refresh(self, client, form):
            if self.refresh_tokens.get(form.get("refresh_token", ""), {}).get("successor") is not None:
                return reply(400, {"error": "invalid_grant"})
            return super().refresh(client, form)

    finding = only(await signed_in(Strict(), repeat=1))
    assert (finding.rule, finding.verdict) == ("TOK-02", "risk")
    assert finding.evidence[1:] == (
        "at once, one: 200",
        "at once, two: 400 invalid_grant",
        "the same refresh 5 s later: 400 invalid_grant",
        "a refresh with the newest token: 200",
        "a call with the newest access token: 200",
    )


async def test_a_race_that_ends_the_family_is_a_fault_with_the_lost_reply_under_it():
    finding = only(await signed_in(BROKEN["TOK-02"].server(), repeat=1))
    assert (finding.verdict, finding.explains) == ("broken", ("TOK-08",))
    assert finding.evidence[-1] == "a call with the newest access token: 401"


async def test_a_window_of_a_second_loses_a_reply_that_is_asked_for_later():
    class Short(Good):
        def refresh(self, client, form):
            known = self.refresh_tokens.get(form.get("refresh_token", ""), {})
            if known.get("successor") is not None and known["rotated_at"] + 1 < self.now:
                return reply(400, {"error": "invalid_grant"})
            return super().refresh(client, form)

    finding = only(await signed_in(Short(), repeat=1))
    assert (finding.rule, finding.verdict) == ("TOK-08", "risk")


async def test_a_server_that_does_not_rotate_is_good():
    class Constant(Good):
        def refresh(self, client, form):
            known = self.refresh_tokens.get(form.get("refresh_token", ""))
            if known is None or known["grant"] in self.ended:
                return reply(400, {"error": "invalid_grant"})
            answer = self.issue({name: known[name] for name in ("grant", "client_id", "scope")})
            kept = {name: value for name, value in answer.json.items() if name != "refresh_token"}
            return reply(200, kept, cache_control="no-store")

    assert not (await signed_in(Constant())).findings
    assert not (await signed_in(Constant(), repeat=1)).findings


@pytest.mark.parametrize("answer", [page(500), reply(400, {"error": "invalid_grant"}), reply(200, {"error": "no"})])
async def test_a_first_refresh_that_brings_nothing_is_a_fault(answer):
    class Crashes(Good):
        def refresh(self, client, form):
            return answer

    finding = only(await signed_in(Crashes()))
    assert finding.rule == "TOK-07"
    assert str(answer.status) in finding.summary


@pytest.mark.parametrize("answer", [Response(0, fault="timeout"), reply(429, {}), reply(503, {})])
@pytest.mark.parametrize("first", [True, False])
async def test_an_answer_that_asks_for_patience_is_no_verdict(answer, first):
    class Busy(Good):
        asked = 0

        def refresh(self, client, form):
            self.asked += 1
            return answer if first or self.asked > 1 else super().refresh(client, form)

    for repeat in (0, 1):
        report = await signed_in(Busy(), repeat=repeat)
        assert not report.findings
        assert ("TOK-07" in report.not_checked) == first


async def test_a_malformed_refresh_reply_is_told_like_any_other():
    class Odd(Good):
        def refresh(self, client, form):
            answer = super().refresh(client, form)
            return reply(answer.status, answer.json | ({"expires_in": "1"} if answer.status == 200 else {}))

    assert rules_of(await signed_in(Odd())) == ["TOK-05"]


async def test_the_newest_access_token_is_the_one_that_is_used_afterwards():
    class OldOnesEnd(Good):
        def refresh(self, client, form):
            known = self.refresh_tokens.get(form.get("refresh_token", ""), {})
            if known.get("successor") is None and known:
                self.tokens = {k: v for k, v in self.tokens.items() if v["grant"] != known["grant"]}
            return super().refresh(client, form)

    server = OldOnesEnd()
    report = await signed_in(server)
    assert not report.findings
    revoked = [each for each in server.requests if each.url == f"{ORIGIN}/revoke"]
    assert revoked


@pytest.mark.parametrize("repeat", [0, 1])
async def test_a_reply_that_is_lost_after_the_commit_and_refused_the_next_time_is_found(repeat):
    class Cut(Good):
        def refresh(self, client, form):
            if self.refresh_tokens.get(form.get("refresh_token", ""), {}).get("successor") is not None:
                return reply(400, {"error": "invalid_grant"})
            super().refresh(client, form)
            return Response(0, fault="closed", sentence="The connection was cut.")

    finding = only(await signed_in(Cut(), repeat=repeat))
    assert (finding.rule, finding.verdict) == ("TOK-08", "broken")


async def test_a_reply_that_is_lost_once_and_given_the_next_time_is_no_finding():
    class CutOnce(Good):
        cut = False

        def refresh(self, client, form):
            answer = super().refresh(client, form)
            if self.cut:
                return answer
            self.cut = True
            return Response(0, fault="closed", sentence="The connection was cut.")

    assert rules_of(await signed_in(CutOnce())) == []


@pytest.mark.parametrize(("seconds", "found"), [(30, [("TOK-07", "risk")]), (3000, [])])
async def test_a_refreshed_token_that_lives_for_a_moment_is_a_risk(seconds, found):
    class Shrinking(Good):
        def refresh(self, client, form):
            answer = super().refresh(client, form)
            return reply(answer.status, answer.json | {"expires_in": seconds}, cache_control="no-store")

    report = await signed_in(Shrinking())
    assert [(each.rule, each.verdict) for each in report.findings] == found


async def test_a_token_reply_that_may_be_stored_is_noted():
    class Kept(Good):
        def refresh(self, client, form):
            answer = super().refresh(client, form)
            return reply(answer.status, answer.json)

    finding = only(await signed_in(Kept()))
    assert (finding.rule, finding.verdict) == ("TOK-05", "note")
