from __future__ import annotations

import pytest

from doorward.doctor.checks.documents import kept_too_long
from doorward.doctor.engine.requests import Request, Response
from testbed.answers import reply

URL = "https://mcp.example.com/mcp"
GOOD = reply(200, {"resource": URL})


@pytest.mark.parametrize(
    ("headers", "status", "rules"),
    [
        ({}, 200, []),
        ({"cache-control": "public, max-age=300"}, 200, []),
        ({"cache-control": "public, s-maxage=86400"}, 200, ["DSC-11"]),
        ({"age": "90000"}, 200, ["DSC-11"]),
        ({"age": "9" * 5000}, 200, []),
        ({"cache-control": "no-store, max-age=86400"}, 200, []),
        ({"cache-control": "max-age=300"}, 404, ["DSC-11"]),
        ({"cache-control": "max-age=30"}, 404, []),
    ],
)
def test_what_may_be_kept_for_long_is_a_risk(headers, status, rules):
    answer = Response(status, {"content-type": "application/json", **headers}, b"{}" if status == 404 else b'{"a": 1}')
    assert [each.rule for each in kept_too_long([(Request("GET", URL), answer)])] == rules


def test_an_error_beside_a_document_may_be_kept_for_as_long_as_it_likes():
    kept = Response(404, {"cache-control": "max-age=86400"})
    assert kept_too_long([(Request("GET", URL), GOOD), (Request("GET", URL), kept)]) == []
