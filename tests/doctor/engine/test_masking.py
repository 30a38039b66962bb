from __future__ import annotations

import pytest

from doorward.doctor.engine.masking import shown


@pytest.mark.parametrize(
    "line",
    [
        r'{"error": "{\"access_token\":\"abcdefghijklmnop\"}"}',
        "{'refresh_token': 'abcdefghijklmnop'}",
        "https://x/?to=https%3A%2F%2Fy%2Fcb%3Fcode%3Dabcdefghijklmnop%26state%3D1",
        "client_assertion=abcdefghijklmnop&x=1",
        "x-api-key: abcdefghijklmnop",
        "set-cookie: sid=abcdefghijklmnop; Path=/",
        "dwa_abcdefghijklmnop",
        "ghp_abcdefghijklmnop",
    ],
)
def test_secrets_are_masked_however_they_are_spelt(line):
    assert "abcdefghijklmnop" not in shown(line)


@pytest.mark.parametrize(
    "line",
    [
        "> GET https://x/authorize?response_type=code&code_challenge=E9&code_challenge_method=S256",
        '< {"error":{"code":-32600,"message":"no"}}',
        '< www-authenticate: Bearer resource_metadata="https://x/y", scope="mcp", error="invalid_token"',
        '"grant_types": ["authorization_code"]',
    ],
)
def test_what_is_no_secret_can_be_read(line):
    assert shown(line) == line
