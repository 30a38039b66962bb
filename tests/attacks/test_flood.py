"""Some thousand registrations of the flood that `attacks.flood` makes in full."""

from __future__ import annotations

import pytest
from attacks.flood import flood

COUNT = 4000
CAP = 300
HONEST = 5


@pytest.mark.requirement("R-01")
@pytest.mark.parametrize("senders", [1, 100])
async def test_a_flood_neither_fills_the_store_nor_shuts_out_who_comes_meanwhile(tmp_path, senders):
    found = await flood(tmp_path, COUNT, senders=senders, honest=HONEST, unused_clients_limit=CAP)
    assert set(found.statuses) <= {201, 429}
    assert found.rows <= CAP + HONEST + 1
    assert found.honest == [True] * HONEST
    assert found.kept
    assert (found.statuses[429] > 0) == (senders == 1), "one address is slowed down, and many look like many clients"


@pytest.mark.requirement("R-01", weak=True)
async def test_a_store_without_places_is_filled(tmp_path):
    found = await flood(tmp_path, COUNT, senders=100, honest=HONEST, unused_clients_limit=10_000_000)
    assert found.rows > CAP + HONEST + 1
