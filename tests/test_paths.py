"""What belongs to the server and not to a door."""

from __future__ import annotations

import pytest

from doorward import paths


@pytest.mark.parametrize(
    ("path", "segment"), [("/mcp", "mcp"), ("/a/b/c", "a"), ("/-/login", "-"), ("/", ""), ("/mcp/", "mcp")]
)
def test_the_first_segment_stands_between_two_slashes(path, segment):
    assert paths.first_segment(path) == segment


def test_every_path_is_below_a_reserved_segment():
    named = {name: value for name, value in vars(paths).items() if name.isupper() and name != "RESERVED_FIRST_SEGMENTS"}
    found = [each for value in named.values() for each in ([value] if isinstance(value, str) else value)]
    assert len(found) > 20
    assert {paths.first_segment(path) for path in found} == paths.RESERVED_FIRST_SEGMENTS
