from __future__ import annotations

import pytest
from door.fronts import ORIGIN, RESOURCE, Front, legacy

from doorward.oauth.tokens import opaque as tokens
from doorward.records.changes import DeleteAll
from doorward.records.oauth import AccessToken
from doorward.storage.memory import MemoryStore

PLAIN = 'Bearer scope="mcp", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"'


async def make(**settings) -> Front:
    front = Front(**settings)
    await front.store.open()
    return front


async def test_a_good_access_token_reaches_the_upstream_as_its_caller(front, token):
    answer = await front.ask(legacy(), token=token)
    assert answer.status == 200
    caller = front.upstream.last.caller
    assert (caller.user_id, caller.client_id, caller.scopes) == ("ann", "client-1", ("mcp",))
    assert (caller.resource, caller.issuer) == (RESOURCE, ORIGIN)
    assert caller.expires_at == front.clock.now() + 3600
    assert caller.token_id not in {token, tokens.digest(token)}


@pytest.mark.requirement("R7")
@pytest.mark.requirement("X2")
async def test_the_client_s_credential_never_reaches_the_upstream(front, token):
    await front.ask(legacy(), token=token)
    assert not any(token.encode() in value for _, value in front.upstream.last.headers)
    assert not front.upstream.got("authorization")


@pytest.mark.requirement("T5")
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "PUT", "PATCH", "HEAD"])
@pytest.mark.requirement("U-10")
async def test_without_a_token_every_method_gets_a_challenge_that_names_no_error(front, method):
    answer = await front.ask(legacy() if method == "POST" else None, method=method)
    assert answer.status == 401
    assert answer.one("www-authenticate") == PLAIN
    assert answer.one("cache-control") == "no-store"
    assert not front.upstream.calls


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic YTpi", "Token x", "bearer-token x", "DPoP x", "dwa_naked"],
)
async def test_an_authorization_of_another_scheme_is_no_token(front, authorization):
    answer = await front.ask(legacy(), headers={"authorization": authorization})
    assert answer.status == 401
    assert answer.one("www-authenticate") == PLAIN


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "a b",
        "dwa_",
        "dwa_" + "A" * 48,
        "dwk_" + "A" * 48,
        "dwr_" + "A" * 48,
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.",
        "dwa_\x00" + "A" * 47,
        "dwa_ü" + "A" * 47,
        "null",
        "undefined",
    ],
)
@pytest.mark.requirement("U-02")
async def test_a_token_that_was_never_made_here_is_invalid(front, value):
    answer = await front.ask(legacy(), headers={"authorization": f"Bearer {value}"})
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.one("www-authenticate")
    assert 'scope="mcp"' in answer.one("www-authenticate")
    assert "resource_metadata=" in answer.one("www-authenticate")
    assert not front.upstream.calls


@pytest.mark.parametrize("prefix", [tokens.ACCESS_TOKEN, tokens.HEADER_TOKEN, tokens.REFRESH_TOKEN, tokens.CODE])
async def test_a_well_formed_token_that_is_not_in_the_store_is_invalid(front, prefix):
    answer = await front.ask(legacy(), token=tokens.mint(prefix, bytes(32)))
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.one("www-authenticate")


@pytest.mark.requirement("U-01")
@pytest.mark.requirement("R6")
@pytest.mark.parametrize(
    "resource",
    [ORIGIN, RESOURCE + "/", ORIGIN + "/other", "https://upstream.example/mcp", RESOURCE.upper(), ""],
)
async def test_a_token_for_another_resource_is_invalid_here(front, resource):
    answer = await front.ask(legacy(), token=await front.access_token(resource=resource))
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.one("www-authenticate")


@pytest.mark.requirement("U-02")
async def test_a_token_dies_at_the_second_it_expires(front, token):
    front.clock.advance(3599)
    assert (await front.ask(legacy(), token=token)).status == 200
    front.clock.advance(1)
    assert (await front.ask(legacy(), token=token)).status == 401


@pytest.mark.requirement("U-08")
async def test_a_revoked_token_is_refused_at_the_very_next_request(front, token):
    assert (await front.ask(legacy(), token=token)).status == 200
    await front.store.apply([DeleteAll(AccessToken, "grant_id", "grant-1")])
    assert (await front.ask(legacy(), token=token)).status == 401


@pytest.mark.requirement("R4")
async def test_a_missing_scope_is_forbidden_and_names_all_that_are_needed():
    front = await make(scopes=("mcp", "files:write"))
    answer = await front.ask(legacy(), token=await front.access_token(scopes=("mcp",)))
    assert answer.status == 403
    challenge = answer.one("www-authenticate")
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="mcp files:write"' in challenge
    assert "resource_metadata=" in challenge


async def test_an_expired_token_without_the_scope_is_invalid_rather_than_insufficient(front):
    answer = await front.ask(legacy(), token=await front.access_token(scopes=(), expires_at=1))
    assert answer.status == 401


@pytest.mark.requirement("U-04")
@pytest.mark.requirement("R5")
async def test_a_token_in_the_query_or_the_body_is_no_token(front, token):
    body = {**legacy(), "access_token": token}
    answer = await front.ask(body, query_string=b"access_token=" + token.encode())
    assert answer.status == 401
    assert answer.one("www-authenticate") == PLAIN


@pytest.mark.requirement("U-02")
async def test_two_authorization_headers_are_refused_even_when_both_are_good(front, token):
    answer = await front.ask(legacy(), token=token, more=[(b"authorization", b"Bearer " + token.encode())])
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.one("www-authenticate")


async def test_a_header_token_is_taken_as_a_bearer_token(front):
    answer = await front.ask(legacy(), token=await front.header_token())
    assert answer.status == 200
    assert front.upstream.last.caller.user_id == "robot"
    assert front.upstream.last.caller.token_id == "token-1"


@pytest.mark.parametrize("changes", [{"expires_at": 1}, {"scopes": ()}])
async def test_a_header_token_expires_and_needs_the_scopes_too(front, changes):
    answer = await front.ask(legacy(), token=await front.header_token(**changes))
    assert answer.status in {401, 403}
    assert not front.upstream.calls


@pytest.mark.parametrize("form", ["{}", "Bearer {}", "bearer   {}", " {} "])
async def test_the_header_the_operator_chose_carries_a_header_token(form):
    front = await make(token_header="X-API-Key")
    answer = await front.ask(legacy(), headers={"x-api-key": form.format(await front.header_token())})
    assert answer.status == 200
    assert not front.upstream.got("x-api-key")


async def test_with_a_header_of_the_operator_s_choice_bearer_tokens_count_as_before():
    front = await make(token_header="X-API-Key")
    assert (await front.ask(legacy())).one("www-authenticate") == PLAIN
    assert (await front.ask(legacy(), token=await front.access_token())).status == 200


async def test_the_operator_s_header_carries_nothing_but_header_tokens():
    front = await make(token_header="X-API-Key")
    for value in (await front.access_token(), "", "Bearer", "nonsense"):
        answer = await front.ask(legacy(), headers={"x-api-key": value})
        assert answer.status == 401
    assert not front.upstream.calls


@pytest.mark.requirement("U-04")
async def test_a_header_that_the_operator_did_not_choose_carries_no_token(front):
    answer = await front.ask(legacy(), headers={"x-api-key": await front.header_token()})
    assert answer.status == 401


@pytest.mark.requirement("U-02")
async def test_two_credentials_in_two_places_are_refused():
    front = await make(token_header="X-API-Key")
    header_token = await front.header_token()
    both = await front.ask(legacy(), token=await front.access_token(), headers={"x-api-key": header_token})
    assert both.status == 401
    doubled = await front.ask(legacy(), headers={"x-api-key": header_token}, more=[(b"x-api-key", b"")])
    assert doubled.status == 401
    beside = await front.ask(legacy(), headers={"x-api-key": header_token, "authorization": "Basic YTpi"})
    assert beside.status == 200


async def test_the_operator_may_choose_the_authorization_header_itself():
    front = await make(token_header="Authorization")
    assert (await front.ask(legacy(), token=await front.header_token())).status == 200


async def test_a_door_for_header_tokens_takes_no_others_and_points_to_no_metadata():
    front = await make(auth="token")
    refused = await front.ask(legacy(), token=await front.access_token())
    assert refused.status == 401
    assert "resource_metadata" not in refused.one("www-authenticate")
    assert (await front.ask(legacy())).one("www-authenticate") == 'Bearer scope="mcp"'
    assert (await front.ask(legacy(), token=await front.header_token())).status == 200


async def test_a_door_without_sign_in_has_anonymous_callers(open_front):
    assert (await open_front.ask(legacy())).status == 200
    assert open_front.upstream.last.caller is None


@pytest.mark.requirement("U-02")
async def test_a_store_that_cannot_answer_gives_no_verdict(front, token):
    await front.store.close()
    answer = await front.ask(legacy(), token=token)
    assert answer.status == 503
    assert answer.one("retry-after")
    assert answer.one("www-authenticate") is None
    assert "id" not in answer.json
    assert not front.upstream.calls


@pytest.mark.requirement("U-02")
async def test_a_store_that_breaks_lets_nobody_in(front, token):
    class BrokenStore(MemoryStore):
        async def get(self, record_type, key):
            raise RuntimeError("a bug")

    front.store = BrokenStore()
    answer = await front.ask(legacy(), token=token, door=front.another_worker())
    assert answer.status == 500
    assert not front.upstream.calls
