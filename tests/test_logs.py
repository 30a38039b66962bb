"""No secret in a log, whatever a careless line of code hands to it."""

from __future__ import annotations

import logging

import pytest

from doorward.doctor.engine.masking import shown
from doorward.logs import JsonFormatter, TextFormatter, redact, redact_line
from doorward.oauth.tokens import opaque as tokens

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


URLS = [
    "https://mcp.example/mcp?token=Pa55/w@rd-4711",
    "https://mcp.example/mcp?a=1&token=Pa55/w@rd-4711&b",
    "https://mcp.example/mcp?Pa55/w@rd-4711",
    "https://mcp.example/mcp#token=Pa55/w@rd-4711",
    "https://user:Pa55w@rd-4711@mcp.example/mcp",
    "https://Pa55w@rd-4711@mcp.example:8443/mcp?token=Pa55/w@rd-4711",
]


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("place", ["{}", "cannot reach {} now", "location '{}'", "({})"])
def test_the_credentials_of_a_url_are_masked_in_every_line(formatter, url: str, place: str):
    text = place.format(url)
    record = logging.LogRecord("doorward", logging.INFO, "", 0, text, None, None)
    record.fields = {"url": text, "next": "kept"}
    line = formatter.format(record)
    assert "4711" not in line
    assert line.count("mcp.example") == 2
    assert "kept" in line
    assert "Pa55" not in line


def test_a_url_without_credentials_is_logged_as_it_is():
    text = "https://mcp.example:8443/mcp/a@b/"
    assert text in TextFormatter().format(logging.LogRecord("doorward", logging.INFO, "", 0, text, None, None))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    ["eyJ", "-eyJaaaaaaaa", "eyJaaaaaaaa.", "http://", "http://a?", "//a@", "dwa_", "bearer ", "code=", "a=&", " "],
)
def test_a_long_line_of_a_stranger_is_read_once_and_not_once_for_each_beginning_in_it(piece: str):
    line = (piece * (256 * 1024 // len(piece)))[: 256 * 1024]
    assert len(redact_line(line)) <= 2 * len(line)


@pytest.mark.parametrize("mask", [redact, shown])
def test_a_signed_token_that_was_cut_is_masked_too(mask):
    assert mask(f"token {JWT[:14]}") == f"token {mask(JWT[:14])}" == "token ***"


def test_the_query_of_each_url_in_a_line_is_masked():
    line = "https://a.example/x https://b.example/y?token=4711 at http://c.example/http://d.example/z?k=4712"
    assert redact_line(line) == (
        "https://a.example/x https://b.example/y?token=*** at http://c.example/http://d.example/z?k=***"
    )
