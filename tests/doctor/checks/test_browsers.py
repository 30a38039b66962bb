from __future__ import annotations

import pytest

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.run import examine
from testbed.answers import reply
from testbed.good import ORIGIN, Good


@pytest.mark.parametrize(
    ("allowed", "rules"),
    [
        ("Authorization, *", set()),
        ("*, authorization", set()),
        ("*", {"CORS-02"}),
        ("X-Authorization, *", {"CORS-02"}),
        ("Authorization, Content-Type", {"CORS-02"}),
    ],
)
async def test_a_star_allows_every_header_but_authorization(allowed, rules):
    class Star(Good):
        def endpoint(self, request):
            return (
                reply(204, access_control_allow_headers=allowed)
                if request.method == "OPTIONS"
                else super().endpoint(request)
            )

    report = await examine(Picture(f"{ORIGIN}/mcp"), Star().send)
    assert {finding.rule for finding in report.findings} == rules
