"""What is switched off does not exist."""

from __future__ import annotations

import pytest
from world import world


@pytest.mark.parametrize(
    ("path", "switched_on", "switched_off"),
    [
        ("/device_authorization", {"device_grant": True}, {}),
        ("/register", {}, {"registration": "off"}),
        ("/token", {}, {"auth": "token"}),
        ("/.well-known/oauth-authorization-server", {}, {"auth": "token"}),
    ],
)
async def test_a_path_that_is_switched_off_is_not_served(tmp_path, path, switched_on, switched_off):
    for number, (settings, exists) in enumerate(((switched_on, True), (switched_off, False))):
        async with world(tmp_path / str(number), **settings) as w, w.browser() as http:
            assert ((await http.get(path)).status_code == 404) is not exists
