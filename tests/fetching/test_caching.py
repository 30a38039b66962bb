import pytest

from doorward.fetching.caching import fresh_seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 600),
        ({"cache-control": "max-age=3600"}, 3600),
        ({"cache-control": "public, max-age=3600, immutable"}, 3600),
        ({"cache-control": "max-age=3600", "age": "600"}, 3000),
        ({"cache-control": "Max-Age=3600", "age": "99999"}, 30),
        ({"cache-control": "max-age=1"}, 30),
        ({"cache-control": "max-age=9999999999"}, 86_400),
        ({"cache-control": "max-age=99999999999999"}, 600),
        ({"cache-control": "s-maxage=100"}, 600),
        ({"cache-control": "no-store"}, 30),
        ({"cache-control": "max-age=3600, no-cache"}, 30),
        ({"cache-control": "max-age=-1"}, 600),
        ({"cache-control": "max-age=60", "age": "x"}, 60),
    ],
)
def test_a_document_stays_fresh_as_it_says_within_our_bounds(headers, seconds):
    assert fresh_seconds(headers) == seconds


def test_a_caller_may_set_a_lower_upper_bound():
    assert fresh_seconds({"cache-control": "max-age=86400"}, most=3600) == 3600
