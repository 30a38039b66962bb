"""One table, in which nothing stands twice."""

from __future__ import annotations

import pytest

from doorward.edge.router import Mount, Route, Router, reading, static
from doorward.errors import StartError

APP = static(b"", "text/plain")


@pytest.mark.parametrize(
    "twice",
    [
        [Route("/a", {"GET": APP}), Route("/a", {"POST": APP})],
        [Route("/a/", {"GET": APP}, covers="segment"), Route("/a/", {"GET": APP}, covers="segment")],
        [Mount("/a/", APP), Mount("/a/", APP)],
    ],
)
def test_what_is_in_the_table_twice_is_a_start_error(twice):
    with pytest.raises(StartError, match="two parts of the server answer at /a"):
        Router(twice)


def test_the_table_knows_its_paths_and_which_entry_serves_a_path():
    router = Router([Route("/a", reading(APP)), Route("/b/", {"GET": APP}, covers="segment"), Mount("/-/c/", APP)])
    assert set(router.paths) == {"/a", "/b/", "/-/c/"}
    served = {path: router.entry(path) for path in ("/a", "/b/x", "/-/c/d/e", "/a/", "/-/c", "/d")}
    assert served == {"/a": "/a", "/b/x": "/b/", "/-/c/d/e": "/-/c/", "/a/": "", "/-/c": "", "/d": ""}
