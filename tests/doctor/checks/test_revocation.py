"""What a revocation is worth."""

from __future__ import annotations

import pytest
from doctor.examining import only, signed_in

from testbed.answers import reply
from testbed.good import Good, SignedTokens


@pytest.mark.parametrize(("server", "verdict"), [(Good, "risk"), (SignedTokens, "note")])
async def test_a_revoked_token_that_still_works_is_told_by_what_it_is(server, verdict):
    class Deaf(server):
        def revoke(self, request):
            return reply(200, {})

    finding = only(await signed_in(Deaf()))
    assert (finding.rule, finding.verdict) == ("RS-02", verdict)


async def test_a_refused_revocation_is_a_note():
    class Refuses(Good):
        def revoke(self, request):
            return reply(400, {"error": "unsupported_token_type"})

    finding = only(await signed_in(Refuses()))
    assert (finding.rule, finding.verdict) == ("RS-02", "note")


async def test_without_a_revocation_endpoint_the_sign_in_is_left_to_expire():
    class Keeps(Good):
        def change(self):
            del self.metadata["revocation_endpoint"]

    server = Keeps()
    assert not (await signed_in(server)).findings
    assert not [each for each in server.requests if "revoke" in each.url]
