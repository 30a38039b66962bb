from __future__ import annotations

from dataclasses import replace

import pytest
from oauth.given import (
    ISSUER,
    MINTED,
    NOW,
    POLICY,
    RESOURCE,
    VERIFIER,
    Wrapping,
    a_client,
    a_code,
    a_grant,
    a_redemption,
    a_refresh_token,
    an_access_token,
    changed,
)

from doorward.oauth.errors import InvalidGrant, Reason
from doorward.oauth.grants.authorization_code import redeem_code
from doorward.oauth.grants.refresh_token import refresh
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.reply import MintedTokens, TokenReply, check_key, encode_access_token, token_type
from doorward.records.changes import Insert, Replace, Stored
from doorward.records.oauth import AccessToken, AuthorizationCode, RefreshToken

PUBLIC, CONFIDENTIAL = a_client(), a_client(token_endpoint_auth_method="client_secret_basic")
OURS, THEIRS = replace(MINTED, dpop_jkt="ours"), replace(MINTED, dpop_jkt="theirs")


def redeem(minted=OURS, client=PUBLIC, code=None, now=NOW + 1, sealing=None):
    form = {"code": "the-code", "code_verifier": VERIFIER}
    request = a_redemption(form, client=client, now=now, minted=minted, sealing=sealing)
    return redeem_code(request, code=code or a_code(), grant=a_grant())


def renew(minted=OURS, client=PUBLIC, presented=None, sealing=None):
    form = {"refresh_token": "the-refresh"}
    request = a_redemption(form, client=client, now=NOW + 5, minted=minted, sealing=sealing)
    return refresh(request, presented=presented or a_refresh_token(), predecessor=None, grant=a_grant())


def inserted(decision, record_type):
    (found,) = [
        each.record for each in decision.changes if isinstance(each, Insert) and type(each.record) is record_type
    ]
    return found


def replaced(decision, record_type) -> Stored:
    (found,) = [each for each in decision.changes if isinstance(each, Replace) and type(each.record) is record_type]
    return Stored(found.record, found.version + 1)


@pytest.mark.requirement("RFC9449-5")
@pytest.mark.parametrize("issued", [redeem, renew])
@pytest.mark.parametrize(
    ("minted", "client", "access", "refresh_token"),
    [
        (MINTED, PUBLIC, None, None),
        (OURS, PUBLIC, "ours", "ours"),
        (MINTED, CONFIDENTIAL, None, None),
        (OURS, CONFIDENTIAL, "ours", None),
    ],
)
def test_tokens_are_bound_to_the_key_of_the_request_and_a_secret_stands_in_for_it(
    issued, minted, client, access, refresh_token
):
    decision = issued(minted, client)
    assert inserted(decision, AccessToken).dpop_jkt == access
    assert inserted(decision, RefreshToken).dpop_jkt == refresh_token
    assert decision.reply.body["token_type"] == ("Bearer" if access is None else "DPoP")


@pytest.mark.requirement("RFC9449-5")
@pytest.mark.parametrize(
    ("bound_to", "proved", "good"),
    [
        (None, None, True),
        (None, "ours", True),
        ("ours", "ours", True),
        ("ours", None, False),
        ("ours", "theirs", False),
    ],
)
def test_what_is_bound_is_spent_with_its_key_only(bound_to, proved, good):
    minted = replace(MINTED, dpop_jkt=proved)
    attempts = (
        lambda: check_key(bound_to, proved),
        lambda: redeem(minted, code=changed(a_code(), dpop_jkt=bound_to)),
        lambda: renew(minted, presented=changed(a_refresh_token(), dpop_jkt=bound_to)),
    )
    for attempt in attempts:
        if good:
            attempt()
            continue
        with pytest.raises(InvalidGrant) as refused:
            attempt()
        assert refused.value.reason is Reason.FOREIGN_KEY


@pytest.mark.requirement("RFC9449-5")
def test_a_repeat_with_another_key_is_no_honest_repeat():
    sealing = Wrapping()
    first = redeem(OURS, sealing=sealing)
    spent = replaced(first, AuthorizationCode)
    assert spent.record.dpop_jkt == "ours"
    again = redeem(OURS, code=spent, now=NOW + 5, sealing=sealing)
    assert again.reply.body == first.reply.body
    stolen = redeem(THEIRS, code=spent, now=NOW + 5, sealing=sealing)
    assert stolen.reply.error is not None
    assert stolen.reply.error.reason is Reason.REPLAYED_CODE


def test_a_spent_refresh_token_without_its_key_ends_nothing():
    spent = changed(a_refresh_token(), dpop_jkt="ours", rotated_at=NOW - 5000)
    with pytest.raises(InvalidGrant) as refused:
        renew(THEIRS, presented=spent)
    assert refused.value.reason is Reason.FOREIGN_KEY
    reused = renew(OURS, presented=spent)
    assert reused.reply.error is not None
    assert reused.reply.error.reason is Reason.REUSED_REFRESH_TOKEN


@pytest.mark.requirement("RFC9068-2.2")
def test_a_token_that_is_signed_is_kept_under_the_digest_of_its_text():
    signed: list[dict[str, object]] = []

    def sign(claims: dict[str, object], *, header_type: str) -> str:
        assert header_type == "at+jwt"
        signed.append(claims)
        return f"jwt-{len(signed)}"

    draft = an_access_token(access_digest="", act=("helper",))
    text, record = encode_access_token(draft, minted=replace(OURS, sign=sign), policy=POLICY)
    assert (text, record.access_digest, token_type(record)) == ("jwt-1", digest("jwt-1"), "DPoP")
    (claims,) = signed
    jti = str(claims.pop("jti"))
    assert jti
    assert jti not in {MINTED.access_token, digest(MINTED.access_token), record.access_digest}
    assert claims == {
        "iss": ISSUER,
        "sub": "u1",
        "aud": RESOURCE,
        "client_id": "c1",
        "scope": "read",
        "iat": NOW,
        "exp": NOW + 3600,
        "act": {"sub": "helper"},
        "cnf": {"jkt": "ours"},
    }


def test_no_secret_is_in_a_repr():
    request = a_redemption({"code": "hush"}, minted=MintedTokens("hush", "hush"))
    assert "hush" not in repr((MintedTokens("hush", "hush"), TokenReply({"access_token": "hush"}), request))
