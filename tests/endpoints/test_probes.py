from __future__ import annotations

import httpx2
from endpoints.test_answers import Broken
from world import world

from doorward.errors import Problem, Unavailable


async def test_probes_tell_liveness_from_readiness(tmp_path):
    async with world(tmp_path) as w, w.browser() as http:
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200
        w.door.store.get = Broken(Unavailable("disk")).get
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        del w.door.store.get


async def test_readiness_names_each_door_to_those_who_may_read_the_metrics(tmp_path):
    async with world(tmp_path) as w:
        transport = httpx2.ASGITransport(w.door, client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as inside:
            assert (await inside.get("/readyz")).json() == {
                "ready": True,
                "reason": "",
                "doors": [{"name": "mcp", "ready": True, "reason": ""}],
            }
            w.door.running.kept_out = {"time": Problem("there is no program")}
            found = await inside.get("/readyz")
            assert found.status_code == 200
            assert found.json()["doors"][1] == {"name": "time", "ready": False, "reason": "there is no program"}
            w.door.store.get = Broken(Unavailable("disk")).get
            down = await inside.get("/readyz")
            assert (down.status_code, down.json()["reason"]) == (503, "the database does not answer")
            assert [each["name"] for each in down.json()["doors"]] == ["mcp", "time"]
            del w.door.store.get
        async with w.browser() as outside:
            assert (await outside.get("/readyz")).json() == {"ready": True, "reason": ""}
