"""Every real client in both eras, with every defence on; and that a defence which breaks one of them is noticed."""

from __future__ import annotations

import pytest
from attacks.honest import PROFILES, goes_the_whole_way

from doorward.oauth.authorization import request as authorization


@pytest.mark.requirement("X-20")
@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("name", PROFILES)
async def test_a_real_client_goes_the_whole_way(tmp_path, name, era):
    await goes_the_whole_way(tmp_path, name, era)


@pytest.mark.requirement("X-20", weak=True)
async def test_a_defence_that_shuts_a_real_client_out_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(authorization, "matches", lambda registered, presented: registered == presented)
    with pytest.raises(AssertionError):
        await goes_the_whole_way(tmp_path, "Claude Code", "modern")
