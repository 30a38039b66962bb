from __future__ import annotations

from doorward.doctor.engine.check import Picture

URL = "https://mcp.example.com/mcp"


def test_a_picture_begins_at_the_url_that_the_user_has_typed():
    picture = Picture(URL)
    assert (picture.endpoint, picture.resource, picture.server, picture.signed_in) == (URL, None, None, {})
    assert picture.documents == ()
