from __future__ import annotations

import pytest
from world import ISSUER, world


@pytest.mark.requirement("RFC7517-5")
async def test_the_published_keys_are_public_halves_only(tmp_path):
    async with world(tmp_path) as w, w.browser() as http:
        answer = await http.get("/.well-known/jwks.json")
        (key,) = answer.json()["keys"]
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["use"], key["alg"]) == ("sig", "ES256")
        assert "max-age" in answer.headers["cache-control"]
        metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
        assert metadata["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
