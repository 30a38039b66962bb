"""What changes with time."""

from __future__ import annotations

import pytest
from doctor.examining import URL, only, rules_of, signed_in

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.run import examine
from doorward.doctor.report import baseline
from testbed.answers import reply
from testbed.good import ORIGIN, Good, Open, SignedTokens
from testbed.signing import key_set, new_key


async def remembered(server: Good) -> dict:
    """Examine once, and return what the file would hold."""
    picture = Picture(URL)
    await examine(picture, server.send)
    return baseline.read(baseline.as_text(URL, picture.remembered).encode(), URL)


async def test_an_unchanged_server_is_the_same_as_its_baseline():
    before = await remembered(SignedTokens())
    server = SignedTokens()
    report = await signed_in(server, baseline={**before, "kids": ["key-1"]})
    assert not report.findings
    assert {"LIFE-01", "STO-03"}.isdisjoint(report.not_checked)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("registration_endpoint", None),
        ("token_endpoint", "https://other.example.com/token"),
        ("jwks_uri", "https://other.example.com/keys"),
    ],
)
async def test_what_a_client_remembers_and_has_changed_is_named(member, value):
    before = await remembered(SignedTokens())
    before["server"][member] = f"{ORIGIN}/of-before"

    class Changed(SignedTokens):
        def change(self):
            super().change()
            self.metadata[member] = value if value is None else self.metadata[member]

    server = SignedTokens() if value else Changed()
    report = await signed_in(server, may_sign_in=False, baseline=before)
    finding = next(each for each in report.findings if "LIFE-01" in {each.rule, *each.explains})
    if finding.rule == "LIFE-01":
        assert f"{member}: was '{ORIGIN}/of-before'" in "\n".join(finding.evidence)


async def test_another_resource_is_another_life():
    before = await remembered(Good())
    before["resource"]["resource"] = f"{ORIGIN}/old"
    finding = only(await signed_in(Good(), may_sign_in=False, baseline=before))
    assert finding.rule == "LIFE-01"
    assert finding.evidence == (f"resource: was '{ORIGIN}/old', is '{URL}'",)


async def test_what_is_new_hurts_nobody():
    before = await remembered(Good())
    del before["server"]["registration_endpoint"]
    assert not (await signed_in(Good(), may_sign_in=False, baseline=before)).findings


@pytest.mark.parametrize(
    ("kids", "rules"), [(["key-1"], []), (["key-0", "key-1"], []), (["key-0"], ["STO-03"]), ([], [])]
)
async def test_keys_of_which_none_is_left_are_a_risk(kids, rules):
    before = await remembered(SignedTokens())
    report = await signed_in(SignedTokens(), may_sign_in=False, baseline={**before, "kids": kids})
    assert rules_of(report) == rules
    assert {finding.verdict for finding in report.findings} <= {"risk"}


@pytest.mark.parametrize(
    "before", [{}, {"server": 1, "resource": [], "kids": {}}, {"server": {"issuer": None}}, {"kids": [{}, [], 1]}]
)
async def test_a_baseline_of_any_shape_breaks_nothing(before):
    report = await signed_in(SignedTokens(), may_sign_in=False, baseline=before)
    assert not report.crashed


async def test_without_baseline_and_repeat_nothing_is_asked_for_it():
    server = SignedTokens()
    report = await signed_in(server, may_sign_in=False)
    assert {report.not_checked[rule] for rule in ("LIFE-01", "STO-03")} == {"needs --repeat or --baseline"}
    assert not [each for each in server.requests if "jwks" in each.url]


async def test_a_server_without_sign_in_has_nothing_that_could_change():
    report = await signed_in(Open(), repeat=1)
    assert not report.findings
    assert report.not_checked["LIFE-01"] == "there is no metadata"


async def test_keys_that_change_between_two_fetches_are_told():
    class Rotating(SignedTokens):
        turn = 0

        def key_set(self, request):
            self.turn += 1
            return reply(200, key_set(new_key(f"key-{self.turn % 2}")))

    assert rules_of(await signed_in(Rotating(), may_sign_in=False, repeat=2)) == ["STO-03"]


async def test_the_keys_of_a_first_examination_are_there_for_the_second_one():
    first = Picture(URL, baseline={})
    await examine(first, SignedTokens().send)
    assert first.remembered.keys() == {"resource", "server", "kids"}

    class Anew(SignedTokens):
        def change(self):
            super().change()
            self.published = [new_key("of-another-start")]

    report = await examine(Picture(URL, baseline=first.remembered), Anew().send)
    assert rules_of(report) == ["STO-03"]
