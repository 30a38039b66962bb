"""What those who run the server ask for is there whatever the door is."""

from __future__ import annotations

import pytest
from world import world


@pytest.mark.parametrize("auth", ["oauth", "token"])
async def test_probes_and_keys_are_served_with_and_without_oauth(tmp_path, auth):
    async with world(tmp_path, auth=auth) as w, w.browser() as http:
        for path in ("/livez", "/readyz", "/.well-known/jwks.json"):
            assert (await http.get(path)).status_code == 200


async def test_counts_are_not_served_unless_someone_may_read_them(tmp_path):
    async with world(tmp_path, metrics_from=()) as w, w.browser() as http:
        assert (await http.get("/metrics")).status_code == 404
        assert "/metrics" not in w.door.running.router.routes
