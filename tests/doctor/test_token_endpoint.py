from __future__ import annotations

import pytest

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.run import examine
from testbed.answers import reply
from testbed.good import ORIGIN, Good


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (500, {"error": "server_error"}, "risk"),
        (503, {"error": "temporarily_unavailable"}, "risk"),
        (500, {"detail": "Internal Server Error"}, "broken"),
        (415, {"error": "unsupported media type"}, "broken"),
    ],
)
async def test_a_server_that_falls_over_a_made_up_code_is_told_from_one_that_reads_no_form(status, body, verdict):
    class Falls(Good):
        def token(self, request):
            return reply(status, body)

    report = await examine(Picture(f"{ORIGIN}/mcp"), Falls().send)
    assert ("TOK-04", verdict) in {(finding.rule, finding.verdict) for finding in report.findings}
