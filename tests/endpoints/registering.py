"""What the tests of registration share: a body for a confidential client, and the call."""

from __future__ import annotations

from typing import Any

import httpx2
from world import REDIRECT_URI, World

CONFIDENTIAL = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "client_secret_basic"}


async def post(w: World, body: dict[str, Any], token: str | None = None) -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with w.browser() as http:
        return await http.post("/register", json=body, headers=headers)
