"""Each example does what its docstring says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import httpx2
import pytest
from flows import foreign
from flows.door import serving
from flows.python_client import visit

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TOOLS = {
    "01_fastmcp.py": ["greet", "whoami"],
    "02_sdk.py": ["add"],
    "04_asgi.py": ["ping"],
}
MOUNTED = ("03_mounted.py", "05_starlette_path.py", "06_fastapi_path.py")
"""The last two run as processes in `tests/flows/test_behind_a_path.py`."""


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*TOOLS, *MOUNTED}


@pytest.mark.parametrize("name", TOOLS)
async def test_an_example_serves_its_tools(tmp_path, name: str):
    with serving(EXAMPLES / name, data_dir=tmp_path / "data", auth="token") as door:
        headers = {"Authorization": f"Bearer {door.header_token()}"}
        for mode in ("auto", "legacy"):
            seen = await visit(door.url, headers=headers, mode=mode)
            assert sorted(seen.tools) == TOOLS[name]


async def test_the_typescript_client_falls_back_to_the_era_of_the_hand_written_example(tmp_path):
    with serving(EXAMPLES / "04_asgi.py", data_dir=tmp_path / "data", auth="token") as door:
        flags = foreign.flags(tool="ping", arguments={}, header=f"Authorization: Bearer {door.header_token()}")
        seen = foreign.typescript_client("client_v2", door.url, *flags)
    assert seen["ok"], seen
    assert seen["era"] == "legacy"


async def test_the_mounted_example_keeps_its_other_routes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("mounted", EXAMPLES / "03_mounted.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    async with (
        module.app.router.lifespan_context(module.app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(module.app), base_url="http://127.0.0.1:8000") as http,
    ):
        assert (await http.get("/hello")).json() == {"hello": "world"}
        assert (await http.post("/mcp", json={})).status_code == 401
        assert (await http.get("/.well-known/oauth-protected-resource/mcp")).status_code == 200
