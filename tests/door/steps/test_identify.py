from __future__ import annotations

import pytest
from door.fronts import Front
from door.steps.given import admitted, step

from doorward.door.steps.identify import Identify
from doorward.oauth.errors import BearerError, Reason


async def test_the_caller_is_the_holder_of_the_token():
    front = Front()
    await front.store.open()
    token = await front.access_token(user_id="ann")
    known = await step(Identify, front).take(admitted(authorization=f"Bearer {token}"))
    assert (known.caller.user_id, known.caller.scopes, known.proof) == ("ann", ("mcp",), None)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [({}, Reason.NO_TOKEN), ({"authorization": "Bearer dwa_unknown"}, Reason.MALFORMED_TOKEN)],
)
async def test_a_request_without_a_good_credential_is_refused(headers, reason):
    front = Front()
    await front.store.open()
    with pytest.raises(BearerError) as refused:
        await step(Identify, front).take(admitted(**headers))
    assert refused.value.reason == reason


async def test_a_door_without_sign_in_has_nobody_as_the_caller():
    assert (await step(Identify, Front(auth="none")).take(admitted())).caller is None
