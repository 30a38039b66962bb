"""The administration API has one root, and one spelling of it."""

from endpoints.test_administration import make_token
from world import ISSUER, world

from doorward.administration.operation import CAPABILITIES


async def test_another_spelling_of_the_root_leads_nowhere(tmp_path):
    """A proxy may have a rule for the path as it is; the rule would not see these."""
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        async with w.browser() as http:
            for path in ("/%2d/api/v1/clients", "/-/%61pi/v1/clients", "/-/api/v%31/clients", "/-%2fapi/v1/clients"):
                answer = await http.get(ISSUER + path, headers={"authorization": f"Bearer {token}"})
                assert answer.status_code == 404, path


async def test_a_mounted_api_has_its_segments_below_the_mount(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        headers = [(b"host", b"mcp.example.com"), (b"authorization", f"Bearer {token}".encode())]
        statuses = []
        for path in ("/tools/-/api/v1/clients", "/tools/-/api/v1/tools/-/api/v1/clients"):
            sent = []

            async def receive():
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message, sent=sent):
                sent.append(message)

            scope = {"type": "http", "method": "GET", "path": path, "root_path": "/tools", "query_string": b""}
            await w.door({**scope, "headers": headers, "client": ("192.0.2.1", 1), "scheme": "https"}, receive, send)
            statuses.append(sent[0]["status"])
        assert statuses == [200, 404]
