from __future__ import annotations

import pytest

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.run import examine
from testbed.answers import reply
from testbed.good import ORIGIN, HeaderToken


@pytest.mark.parametrize(("token", "verdicts"), [("", {"broken"}), (HeaderToken.handed_out, {"note"})])
async def test_a_server_without_an_authorization_server_is_good_for_those_who_hold_a_token(token, verdicts):
    report = await examine(Picture(f"{ORIGIN}/mcp", token=token), HeaderToken().send)
    assert {finding.verdict for finding in report.findings} == verdicts
    assert not report.crashed


async def test_a_token_that_is_refused_changes_nothing():
    class NoChallenge(HeaderToken):
        def unauthorized(self, request):
            return reply(403)

    report = await examine(Picture(f"{ORIGIN}/mcp", token="of-somewhere-else"), NoChallenge().send)
    assert "DSC-03" in {finding.rule for finding in report.findings if finding.verdict == "broken"}


async def test_that_nobody_is_named_who_issues_tokens_is_one_cause():
    report = await examine(Picture(f"{ORIGIN}/mcp"), HeaderToken().send)
    [finding] = report.findings
    assert (finding.rule, finding.explains) == ("DSC-03", ("DSC-06",))
