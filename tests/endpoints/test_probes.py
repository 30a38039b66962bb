from __future__ import annotations

from endpoints.test_answers import Broken
from world import world

from doorward.errors import Unavailable


async def test_probes_tell_liveness_from_readiness(tmp_path):
    async with world(tmp_path) as w, w.browser() as http:
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200
        w.door.store.get = Broken(Unavailable("disk")).get
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        del w.door.store.get
