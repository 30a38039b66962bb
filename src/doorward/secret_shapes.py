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
JWT_PATTERN = r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*"
"""A compact JWS or JWE."""
