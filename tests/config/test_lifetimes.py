"""How long tokens and grants live is the operator's to say, within bounds."""

from __future__ import annotations

import pytest
from world import world

from doorward.config.load import load
from doorward.config.policy import policy_of
from doorward.errors import ConfigError
from doorward.oauth.policy import Policy

BOUNDS = {
    "access_token_minutes": (1, 1440),
    "refresh_idle_days": (1, 3650),
    "grant_days": (1, 3650),
    "refresh_repeat_seconds": (0, 300),
}


def lifetimes(policy: Policy) -> tuple[int, ...]:
    return (
        policy.access_token_seconds,
        policy.refresh_idle_seconds,
        policy.grant_absolute_seconds,
        policy.refresh_replay_seconds,
    )


def test_what_nobody_changes_is_as_the_policy_has_it(tmp_path):
    defaults = Policy(issuer="https://a.example", resources={})
    assert lifetimes(policy_of(load({}, {}, tmp_path).config)) == lifetimes(defaults)


def test_each_setting_reaches_the_policy(tmp_path):
    environment = {f"DOORWARD_{name.upper()}": "2" for name in BOUNDS}
    assert lifetimes(policy_of(load({}, environment, tmp_path).config)) == (120, 2 * 86_400, 2 * 86_400, 2)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_lifetime_out_of_bounds_is_refused(tmp_path, name):
    least, most = BOUNDS[name]
    for value in (least, most):
        assert getattr(load({name: value}, {}, tmp_path).config, name) == value
    for value in (least - 1, most + 1):
        with pytest.raises(ConfigError, match="out of range"):
            load({name: value}, {}, tmp_path)


async def test_tokens_live_as_long_as_the_settings_say(tmp_path):
    async with world(tmp_path, access_token_minutes=2, refresh_repeat_seconds=5, grant_days=1) as w:
        client_id = (await w.register())["client_id"]
        tokens = (await w.redeem(client_id, await w.code(client_id))).json()
        assert tokens["expires_in"] == 120
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
        first = (await w.token(**form)).json()
        w.clock.advance(5)
        assert (await w.token(**form)).json() == first
        w.clock.advance(115)
        assert (await w.call(first["access_token"])).status_code == 401
        latest = form | {"refresh_token": first["refresh_token"]}
        assert (await w.token(**latest)).status_code == 200
        w.clock.advance(86_400)
        assert (await w.token(**latest)).json()["error"] == "invalid_grant"
