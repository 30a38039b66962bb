"""The prefixes of the secrets that Doorward makes, and a pattern that finds such a secret in any text.

Every part of the program that masks, recognises or mints a secret reads this one list. Add a kind of secret here, and
the log, the doctor's reports and the door's refusal of foreign tokens know it.
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
"""A secret, or most of one, wherever it stands: also right behind a letter, where a word boundary would miss it."""
JWT_PATTERN = r"eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)*+"
"""A compact JWS or JWE, or the beginning of one. It takes all that it has looked at, so a long text is read once."""

_USERINFO = re.compile(r"//[^/?#\s\"]*@")
_AFTER_PATH = re.compile(r"(://(?:(?!://)[^\s?#\"])*+)([?#][^\s\"]*)")
"""A path ends where the next URL begins: else each of many in one text is read to the end of all."""
_QUERY_PART = re.compile(r"([^&;?#=]+=)?[^&;?#]+")


def mask_userinfo(text: str) -> str:
    """Mask user and password in the URLs of a text."""
    return _USERINFO.sub("//***@", text)


def mask_urls(text: str) -> str:
    """Mask user, password and each value of a query or fragment in the URLs of a text; services put keys there."""
    return _AFTER_PATH.sub(lambda found: found[1] + _mask_parts(found[2]), mask_userinfo(text))


def mask_reference(reference: str) -> str:
    """Mask the same in a text that is one URL, also a relative one."""
    path = re.match(r"[^?#]*", reference)
    assert path is not None
    return mask_userinfo(path[0]) + _mask_parts(reference[path.end() :])


def _mask_parts(after_path: str) -> str:
    return _QUERY_PART.sub(lambda part: f"{part[1] or ''}***", after_path)
