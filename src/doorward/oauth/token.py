"""The token endpoint as seen by its caller: which grant is asked for, and the functions that decide about it.

Implements the dispatch of RFC 6749 s3.2 and s4.5. Each grant lives in its own file under `grants/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from doorward.oauth.errors import InvalidRequest, Reason, UnsupportedGrantType
from doorward.oauth.grants.authorization_code import redeem_code
from doorward.oauth.grants.refresh_token import refresh
from doorward.oauth.token_reply import MintedTokens, Sealing, TokenReply

__all__ = ["GrantType", "MintedTokens", "Sealing", "TokenReply", "grant_type", "redeem_code", "refresh"]

GrantType = Literal["authorization_code", "refresh_token"]


def grant_type(form: Mapping[str, str]) -> GrantType:
    """Return which grant the form asks for.

    Raises:
        InvalidRequest: it names none.
        UnsupportedGrantType: it names one that is not served.

    Spec: RFC 6749 s5.2
    """
    match form.get("grant_type"):
        case "authorization_code":
            return "authorization_code"
        case "refresh_token":
            return "refresh_token"
        case None:
            raise InvalidRequest("grant_type is missing.", Reason.MISSING_PARAMETER)
        case _:
            raise UnsupportedGrantType("grant_type must be authorization_code or refresh_token.", Reason.GRANT_TYPE)
