from __future__ import annotations

from doorward.oauth.tokens.access_token_jwt import LIMIT_CHARS, is_shaped_like_one


def test_only_what_could_be_a_jwt_is_looked_up_as_one():
    assert is_shaped_like_one("eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2ln")
    for text in ("", "dwa_x", "eyJ", "eyJa.b", "eyJa..c", "eyJa.b.c.d", "eyJa.b.c ", "eyJa.b." + "c" * LIMIT_CHARS):
        assert not is_shaped_like_one(text)
