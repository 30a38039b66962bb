"""No secret in a log, whatever a careless line of code hands to it."""

from __future__ import annotations

import pytest

from doorward.doctor.masking import shown
from doorward.logs import redact
from doorward.oauth import tokens

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl"
PLACES = ["{}", "failed for {}", "('{}',)", '{{"token": "{}"}}', "/register/{}", "x{}", "_{}", "a%2F{}", "{}."]


@pytest.mark.requirement("X12")
@pytest.mark.parametrize("prefix", tokens.PREFIXES)
@pytest.mark.parametrize("line", PLACES)
def test_every_kind_of_secret_is_masked_wherever_it_stands(prefix: str, line: str):
    secret = tokens.mint(prefix, bytes(range(32)))
    masked = redact(line.format(secret))
    assert secret[len(prefix) + 8 :] not in masked
    assert prefix in masked


@pytest.mark.parametrize("prefix", tokens.PREFIXES)
@pytest.mark.parametrize("line", PLACES)
def test_a_report_of_the_doctor_masks_every_kind_of_secret(prefix: str, line: str):
    assert tokens.mint(prefix, bytes(range(32)))[8:] not in shown(line.format(tokens.mint(prefix, bytes(range(32)))))


@pytest.mark.parametrize("mask", [redact, shown])
@pytest.mark.parametrize("line", PLACES)
def test_a_signed_token_is_masked_wherever_it_stands(mask, line: str):
    assert "eyJpc3MiOiJ4In0" not in mask(line.format(JWT))
    assert "c2lnbmF0dXJl" not in mask(line.format(JWT))
