"""The official TypeScript client with tokens that are bound to its key, against a real door."""

from __future__ import annotations

import pytest
from flows import foreign
from flows.door import PASSWORD, serving


@pytest.mark.requirement("RFC9449-5")
@pytest.mark.parametrize(("mode", "era"), [("auto", "modern"), ("legacy", "legacy")])
@pytest.mark.parametrize(
    ("settings", "algorithm"),
    [
        ("", "ES256"),
        ('dpop_nonce = "required"\nrequire_dpop = true', "ES256"),
        ('access_token_format = "jwt"', "EdDSA"),
    ],
    ids=["as it comes", "with nonces", "as a JWT"],
)
def test_the_typescript_client_signs_in_and_calls_with_proofs(
    tmp_path, settings: str, algorithm: str, mode: str, era: str
):
    (tmp_path / "doorward.toml").write_text(settings)
    target = foreign.SERVERS / "fastmcp_server.py"
    options = ["--config", str(tmp_path / "doorward.toml")]
    with serving(target, data_dir=tmp_path / "data", options=options) as door:
        flags = foreign.flags(tool="whoami", auth="dcr", mode=mode, dpop=algorithm, calls="3")
        seen = foreign.typescript_client("client_v2", door.url, *flags, password=PASSWORD)
    assert seen["ok"], seen
    assert seen["era"] == era
    assert seen["oauth"]["token_type"] == "DPoP"
    assert seen["oauth"]["authorizations"] == 1
    assert seen["result"]["structuredContent"]["subject"] == "owner"
