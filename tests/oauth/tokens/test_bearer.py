import pytest
from oauth.given import NOW, RESOURCE, an_access_token

from doorward.oauth.dpop import ALGORITHMS
from doorward.oauth.errors import BearerError, Reason
from doorward.oauth.policy import Policy, Resource, by_uri
from doorward.oauth.tokens.bearer import (
    challenge,
    check_access_token,
    check_bound,
    check_header_token,
    check_scopes,
    presented_dpop_token,
    presented_token,
    unproved_token,
)
from doorward.records.accounts import HeaderToken

PRM = "https://door.example/.well-known/oauth-protected-resource/mcp"


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        (None, None),
        (b"", None),
        (b"Basic YTpi", None),
        (b"DPoP abc", None),
        (b"BearerX abc", None),
        (b"Bearer\tabc", None),
        (b"abc", None),
        (b"Bearer abc", "abc"),
        (b"bearer abc", "abc"),
        (b"BEARER  a.b-c_d~e+f/g==", "a.b-c_d~e+f/g=="),
    ],
)
def test_a_token_is_what_follows_the_word_bearer(authorization, token):
    assert presented_token(authorization) == token


@pytest.mark.parametrize(
    "authorization",
    [
        b"Bearer",
        b"Bearer ",
        b"Bearer a b",
        b"Bearer a,Bearer b",
        b'Bearer "a"',
        b"Bearer =",
        b"Bearer \xff",
        b"Bearer a\n",
    ],
)
def test_bearer_without_a_token_is_an_invalid_token_and_never_nobody(authorization):
    with pytest.raises(BearerError) as refused:
        presented_token(authorization)
    assert (refused.value.status, refused.value.error) == (401, "invalid_token")
    assert refused.value.reason is Reason.MALFORMED_TOKEN


def test_a_live_token_for_this_door_is_accepted_until_the_last_second():
    record = an_access_token()
    assert check_access_token(record, now=NOW + 3599, resource=RESOURCE) is record
    forever = an_access_token(expires_at=None)
    assert check_access_token(forever, now=NOW + 10**9, resource=RESOURCE) is forever


@pytest.mark.requirement("R6")
@pytest.mark.requirement("U-01")
@pytest.mark.parametrize(
    ("record", "now", "reason"),
    [
        (None, NOW, Reason.UNKNOWN_TOKEN),
        (an_access_token(), NOW + 3600, Reason.EXPIRED_TOKEN),
        (an_access_token(resource="https://door.example"), NOW, Reason.WRONG_RESOURCE),
        (an_access_token(resource=RESOURCE + "/"), NOW, Reason.WRONG_RESOURCE),
        (an_access_token(resource="https://door.example/mcp2"), NOW, Reason.WRONG_RESOURCE),
    ],
)
@pytest.mark.requirement("U-02")
def test_any_other_access_token_is_invalid(record, now, reason):
    with pytest.raises(BearerError) as refused:
        check_access_token(record, now=now, resource=RESOURCE)
    assert (refused.value.status, refused.value.error, refused.value.reason) == (401, "invalid_token", reason)


def a_header_token(expires_at=None, **changes):
    return HeaderToken(
        token_digest="d",
        token_id="t",
        name="ci",
        user_id="u",
        scopes=(),
        created_at=NOW,
        expires_at=expires_at,
        **changes,
    )


def check_at_door(record, door="mcp", default_door=""):
    resources = by_uri(*(Resource(f"https://mcp.example.com/{each}", each, ("mcp",)) for each in ("mcp", "notes")))
    policy = Policy(issuer="https://mcp.example.com", resources=resources, default_door=default_door)
    return check_header_token(record, now=NOW, door=door, policy=policy)


@pytest.mark.parametrize("expires_at", [None, NOW + 1])
def test_a_header_token_lives_until_it_expires_if_ever(expires_at):
    record = a_header_token(expires_at)
    assert check_at_door(record) is record


@pytest.mark.parametrize(
    ("record", "reason"), [(None, Reason.UNKNOWN_TOKEN), (a_header_token(NOW), Reason.EXPIRED_TOKEN)]
)
@pytest.mark.requirement("U-02")
def test_any_other_header_token_is_invalid(record, reason):
    with pytest.raises(BearerError) as refused:
        check_at_door(record)
    assert (refused.value.status, refused.value.error, refused.value.reason) == (401, "invalid_token", reason)


@pytest.mark.parametrize(
    ("of_token", "default_door", "good_at"),
    [
        ("notes", "", {"notes"}),
        ("notes", "mcp", {"notes"}),
        ("gone", "", set()),
        ("gone", "mcp", set()),
        ("", "mcp", {"mcp"}),
        ("", "", {"mcp", "notes"}),
    ],
)
def test_a_header_token_is_good_at_its_door_and_one_without_at_the_default_door(of_token, default_door, good_at):
    record = a_header_token(door=of_token)
    for door in ("mcp", "notes"):
        if door in good_at:
            assert check_at_door(record, door, default_door) is record
            continue
        with pytest.raises(BearerError) as refused:
            check_at_door(record, door, default_door)
        verdict = refused.value
        assert (verdict.status, verdict.error, verdict.reason) == (401, "invalid_token", Reason.WRONG_RESOURCE)


@pytest.mark.requirement("R4")
@pytest.mark.parametrize(
    ("scopes", "required"), [((), ()), (("a",), ()), (("a", "b"), ("b",)), (("a", "b"), ("b", "a"))]
)
def test_a_token_with_every_scope_passes(scopes, required):
    check_scopes(scopes, required)


@pytest.mark.parametrize("scopes", [(), ("a",), ("A", "B"), ("ab",)])
def test_a_missing_scope_names_all_that_are_needed(scopes):
    with pytest.raises(BearerError) as refused:
        check_scopes(scopes, ("a", "b"))
    assert (refused.value.status, refused.value.error) == (403, "insufficient_scope")
    assert refused.value.scopes == ("a", "b")
    assert refused.value.reason is Reason.MISSING_SCOPE


@pytest.mark.requirement("R3")
@pytest.mark.parametrize(
    ("error", "resource_metadata", "scope", "expected"),
    [
        (None, PRM, "read write", f'Bearer scope="read write", resource_metadata="{PRM}"'),
        (BearerError(Reason.NO_TOKEN, "x", error=None), PRM, "read", f'Bearer scope="read", resource_metadata="{PRM}"'),
        (
            BearerError(Reason.EXPIRED_TOKEN, "Too old."),
            PRM,
            "read",
            f'Bearer error="invalid_token", error_description="Too old.", scope="read", resource_metadata="{PRM}"',
        ),
        (
            BearerError(Reason.MISSING_SCOPE, "No.", status=403, error="insufficient_scope", scopes=("a", "b")),
            PRM,
            "read",
            f'Bearer error="insufficient_scope", error_description="No.", scope="a b", resource_metadata="{PRM}"',
        ),
        (BearerError(Reason.EXPIRED_TOKEN), None, "", 'Bearer error="invalid_token"'),
        (None, None, 'a"b\\c\r\nd', 'Bearer scope="a\\"b\\\\c??d"'),
    ],
)
def test_a_challenge_says_what_to_do_next(error, resource_metadata, scope, expected):
    assert challenge(error, resource_metadata=resource_metadata, scope=scope) == expected


def test_a_challenge_with_nothing_to_say_is_the_bare_scheme():
    assert challenge(None, resource_metadata=None, scope="") == "Bearer"


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        (None, None),
        (b"", None),
        (b"Bearer abc", None),
        (b"DPoPx abc", None),
        (b"DPoP\tabc", None),
        (b"DPoP abc", "abc"),
        (b"dpop  abc==", "abc=="),
    ],
)
def test_a_bound_token_is_what_follows_the_word_dpop(authorization, token):
    assert presented_dpop_token(authorization) == token


@pytest.mark.parametrize("authorization", [b"DPoP", b"DPoP ", b"DPoP a b", b"DPoP \xff", b"DPoP a,DPoP b"])
def test_dpop_without_a_token_is_an_invalid_token(authorization):
    with pytest.raises(BearerError) as refused:
        presented_dpop_token(authorization)
    assert (refused.value.error, refused.value.scheme) == ("invalid_token", "DPoP")


@pytest.mark.requirement("RFC9449-7")
def test_only_a_bound_token_is_taken_with_a_proof():
    check_bound(an_access_token(dpop_jkt="key"))
    with pytest.raises(BearerError) as refused:
        check_bound(an_access_token())
    assert (refused.value.reason, refused.value.scheme) == (Reason.UNPROVED_TOKEN, "DPoP")


@pytest.mark.parametrize(
    ("error", "offers", "text"),
    [
        (None, False, f'Bearer scope="read", resource_metadata="{PRM}"'),
        (None, True, f'Bearer scope="read", resource_metadata="{PRM}", DPoP algs="{" ".join(ALGORITHMS)}"'),
        (
            unproved_token(),
            False,
            (
                'Bearer error="invalid_token", error_description="The access token is bound to a key: send it as DPoP,'
                f' with a proof.", scope="read", resource_metadata="{PRM}", DPoP algs="{" ".join(ALGORITHMS)}"'
            ),
        ),
        (
            BearerError(Reason.PROOF_TIME, "Old.", error="invalid_dpop_proof", scheme="DPoP"),
            True,
            (
                f'DPoP error="invalid_dpop_proof", error_description="Old.", algs="{" ".join(ALGORITHMS)}",'
                f' scope="read", resource_metadata="{PRM}"'
            ),
        ),
    ],
)
def test_the_challenge_names_dpop_where_it_was_spoken_bound_or_demanded(error, offers, text):
    assert challenge(error, resource_metadata=PRM, scope="read", offers_dpop=offers) == text
