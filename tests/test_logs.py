"""No secret in a log, whatever a careless line of code hands to it."""

from __future__ import annotations

import pytest

from doorward.logs import redact
from doorward.oauth import tokens

PREFIXES = [tokens.ACCESS_TOKEN, tokens.REFRESH_TOKEN, tokens.CODE, tokens.HEADER_TOKEN, tokens.CLIENT_SECRET]


@pytest.mark.requirement("X12")
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("line", ["{}", "failed for {}", "('{}',)", '{{"token": "{}"}}'])
def test_every_kind_of_secret_is_masked_wherever_it_stands(prefix: str, line: str):
    secret = tokens.mint(prefix, bytes(range(32)))
    masked = redact(line.format(secret))
    assert secret[len(prefix) + 8 :] not in masked
    assert prefix in masked
