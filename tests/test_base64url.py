import pytest

from doorward import base64url


@pytest.mark.parametrize(("data", "text"), [(b"", ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"\xfb\xff", "-_8")])
def test_bytes_have_one_spelling_without_padding(data, text):
    assert base64url.encode(data) == text
    assert base64url.decode(text) == data


@pytest.mark.parametrize("text", ["Zg==", "Zh", "Zm9", "Z", "+/8", "Z g", "Zg\n", "Z\u00e9", "=", "-_9"])
def test_any_other_spelling_is_none(text):
    assert base64url.decode(text) == b""
