"""The token endpoint as seen by its caller: which grant is asked for, and the functions that decide about it.

Implements the dispatch of RFC 6749 s3.2 and s4.5. Each grant lives in its own file under `grants/`.
"""

from __future__ import annotations

from collections.abc import Mapping

from doorward.oauth.errors import InvalidRequest, Reason, UnsupportedGrantType
from doorward.oauth.grant_types import served
from doorward.oauth.grants.authorization_code import redeem_code
from doorward.oauth.grants.refresh_token import refresh
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.reply import MintedTokens, Sealing, TokenReply

__all__ = ["MintedTokens", "Sealing", "TokenReply", "grant_type", "redeem_code", "refresh"]


def grant_type(form: Mapping[str, str], *, policy: Policy) -> str:
    """Return which grant the form asks for.

    Raises:
        InvalidRequest: it names none.
        UnsupportedGrantType: it names one that is not served here.

    Spec: RFC 6749 s5.2
    """
    asked = form.get("grant_type")
    if asked is None:
        raise InvalidRequest("grant_type is missing.", Reason.MISSING_PARAMETER)
    if asked not in served(policy):
        raise UnsupportedGrantType("grant_type must be one that the metadata lists.", Reason.GRANT_TYPE)
    return asked
