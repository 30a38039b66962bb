"""The prefixes of the secrets that Doorward creates, and a pattern that finds such a secret in any text.

Everything that masks, recognises or mints a secret uses this list. If you add a kind of secret here, the log, the
doctor's reports and the door's check for foreign tokens recognise it.
"""

from __future__ import annotations

import re

ACCESS_TOKEN = "dwa_"
REFRESH_TOKEN = "dwr_"
CODE = "dwc_"
HEADER_TOKEN = "dwk_"
DEVICE_CODE = "dwd_"
CLIENT_SECRET = "dws_"
REGISTRATION_ACCESS_TOKEN = "dwm_"

PREFIXES = (ACCESS_TOKEN, REFRESH_TOKEN, CODE, HEADER_TOKEN, DEVICE_CODE, CLIENT_SECRET, REGISTRATION_ACCESS_TOKEN)

SECRET_PATTERN = f"(?:{'|'.join(map(re.escape, PREFIXES))})[A-Za-z0-9_-]{{8,}}"
"""A secret, or most of one, anywhere: even right after a letter, where a word boundary would miss it."""
JWT_PATTERN = r"(?-i:eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)*+)"
"""A compact JWS or JWE, or the start of one. Possessive, so that a long text is scanned only once."""

_USERINFO = re.compile(r"//[^/?#\s\"]*@")
_AFTER_PATH = re.compile(r"(://(?:(?!://)[^\s?#\"])*+)([?#][^\s\"]*)")
"""A path ends where the next URL begins. Otherwise, in a text with many URLs, each match would scan to the end."""
_QUERY_PART = re.compile(r"([^&;?#=]+=)?[^&;?#]+")


def mask_userinfo(text: str) -> str:
    """Mask user and password in the URLs of a text."""
    return _USERINFO.sub("//***@", text)


def mask_urls(text: str) -> str:
    """Mask user, password, and query and fragment values in the URLs of a text; some services put keys there."""
    return _AFTER_PATH.sub(lambda found: found[1] + _mask_parts(found[2]), mask_userinfo(text))


def mask_reference(reference: str) -> str:
    """Mask the same in a text that is one URL, absolute or relative."""
    path = re.match(r"[^?#]*", reference)
    assert path is not None
    return mask_userinfo(path[0]) + _mask_parts(reference[path.end() :])


def _mask_parts(after_path: str) -> str:
    return _QUERY_PART.sub(lambda part: f"{part[1] or ''}***", after_path)
