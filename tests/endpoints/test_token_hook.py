"""The operator's function that is asked about tokens, through a whole door."""

from __future__ import annotations

import asyncio

import pytest
from world import RESOURCE, world

from doorward import TokenRefused, TokenRequest, TokenTerms, hooks
from doorward.errors import Conflict, Unavailable
from doorward.records.oauth import AccessToken, Grant, RefreshToken

SCOPES = ("read", "write")


class Hook:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, answer=None):
        self.answer = answer
        self.asked = []

    async def __call__(self, request):
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def refreshed(w, client_id, token, **more):
    return await w.token(grant_type="refresh_token", client_id=client_id, refresh_token=token, **more)


async def tokens_in(w):
    return [len(await w.door.store.find(kind, grant_id=await grant_id(w))) for kind in (AccessToken, RefreshToken)]


async def grant_id(w):
    return (await w.door.store.find(Grant, user_id="owner"))[0].record.grant_id


@pytest.mark.requirement("P-33")
@pytest.mark.parametrize("is_plain", [True, False])
async def test_the_function_is_told_what_is_made_and_takes_some_of_it_away(tmp_path, is_plain):
    seen = []

    def plain(request):
        seen.append(request)
        return TokenTerms(scopes=("read", "admin"), access_token_seconds=60, refresh_token_seconds=120)

    async def coroutine(request):
        return plain(request)

    async with world(tmp_path, scopes=SCOPES, on_token=plain if is_plain else coroutine) as w:
        client_id = (await w.register())["client_id"]
        first = (await w.redeem(client_id, await w.code(client_id))).json()
        second = (await refreshed(w, client_id, first["refresh_token"])).json()
        grant = await grant_id(w)
        about = {"client_id": client_id, "client_name": "Test", "resource": RESOURCE, "grant_id": grant}
        assert seen == [
            TokenRequest(user="owner", scopes=SCOPES, grant_type=each, **about)
            for each in ("authorization_code", "refresh_token")
        ]
        assert [(each["scope"], each["expires_in"]) for each in (first, second)] == [("read", 60)] * 2
        assert (await w.call(second["access_token"])).status_code == 403
        w.clock.advance(61)
        assert (await w.call(second["access_token"])).status_code == 401
        w.clock.advance(60)
        assert (await refreshed(w, client_id, second["refresh_token"])).json()["error"] == "invalid_grant"


@pytest.mark.requirement("P-26")
async def test_a_grant_can_do_without_a_refresh_token(tmp_path):
    async with world(tmp_path, on_token=Hook(TokenTerms(refresh_token_seconds=0))) as w:
        client_id = (await w.register())["client_id"]
        answer = await w.redeem(client_id, await w.code(client_id))
        assert answer.status_code == 200
        assert "refresh_token" not in answer.json()
        assert await tokens_in(w) == [1, 0]


@pytest.mark.requirement("P-33")
async def test_a_refusal_keeps_its_code_and_status_and_spends_nothing(tmp_path):
    hook = Hook(TokenRefused("Not at night.", error="interaction_required", status=403))
    async with world(tmp_path, on_token=hook) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        refused = await w.redeem(client_id, code)
        assert (refused.status_code, refused.json()["error"]) == (403, "interaction_required")
        assert refused.json()["error_description"] == "Not at night."
        assert await tokens_in(w) == [0, 0]
        hook.answer, refusal = None, hook.answer
        tokens = (await w.redeem(client_id, code)).json()
        hook.answer = refusal
        assert (await refreshed(w, client_id, tokens["refresh_token"])).status_code == 403
        hook.answer = None
        assert (await refreshed(w, client_id, tokens["refresh_token"])).status_code == 200


@pytest.mark.requirement("P-33")
@pytest.mark.parametrize(
    "answer",
    [
        ZeroDivisionError("dwr_secret"),
        Unavailable("theirs"),
        Conflict("theirs"),
        ("read",),
        {"scopes": ["read"]},
        False,
    ],
)
async def test_a_function_that_breaks_is_a_bug_that_spends_nothing(tmp_path, answer):
    hook = Hook(answer)
    async with world(tmp_path, on_token=hook) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        broken = await w.redeem(client_id, code)
        assert (broken.status_code, broken.json()["error"]) == (500, "server_error")
        assert "Incident" in broken.json()["error_description"]
        assert await tokens_in(w) == [0, 0]
        hook.answer = None
        assert (await w.redeem(client_id, code)).status_code == 200


async def test_a_function_that_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(hooks, "HOOK_SECONDS", 0)

    async def never(request):
        await asyncio.Event().wait()

    async with world(tmp_path, on_token=never) as w:
        client_id = (await w.register())["client_id"]
        assert (await w.redeem(client_id, await w.code(client_id))).status_code == 500


@pytest.mark.requirement("P-33")
async def test_requests_with_one_credential_ask_once_and_get_one_answer(tmp_path):
    hook = Hook(TokenTerms(scopes=("read",)))
    async with world(tmp_path, scopes=SCOPES, on_token=hook) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        answers = await asyncio.gather(*(w.redeem(client_id, code) for _ in range(6)))
        assert {each.text for each in answers} == {answers[0].text}
        token = answers[0].json()["refresh_token"]
        answers = await asyncio.gather(*(refreshed(w, client_id, token) for _ in range(6)))
        assert {each.text for each in answers} == {answers[0].text}
        assert answers[0].status_code == 200
        assert [each.grant_type for each in hook.asked] == ["authorization_code", "refresh_token"]


async def test_the_time_that_the_function_takes_leaves_a_repeat_its_own(tmp_path):
    async with world(tmp_path, on_token=lambda _: w.clock.advance(8)) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        first = await w.redeem(client_id, code)
        w.clock.advance(3)
        assert (await w.redeem(client_id, code)).text == first.text


async def test_what_would_be_refused_anyway_is_not_asked_about(tmp_path):
    hook = Hook()
    async with world(tmp_path, on_token=hook) as w:
        client_id = (await w.register())["client_id"]
        assert (await w.redeem(client_id, "dwc_unknown")).status_code == 400
        assert (await w.redeem(client_id, await w.code(client_id), code_verifier="w" * 64)).status_code == 400
        assert (await refreshed(w, client_id, "dwr_unknown")).status_code == 400
        assert hook.asked == []
