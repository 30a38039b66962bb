"""The operator's function that is told what the OAuth endpoints refuse, through a whole door."""

from __future__ import annotations

import asyncio
import logging

import pytest
from world import REDIRECT_URI, world

from doorward import OAuthFault, hooks
from doorward.errors import Unavailable

CODE = {"grant_type": "authorization_code", "code": "dwc_unknown", "code_verifier": "v" * 64}
WORDS = "Ask the help desk."


class Seen(list):
    """Remembers what it was told, and answers what it is told to."""

    answer = None

    def __call__(self, fault):
        self.append(fault)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def told(fault):
    return fault.endpoint, fault.status, fault.error, fault.reason


@pytest.mark.requirement("P-34")
async def test_every_kind_of_error_is_told_without_a_secret(tmp_path, monkeypatch):
    seen = Seen()
    async with world(tmp_path, on_error=seen) as w, w.browser() as http:
        client_id = (await w.register())["client_id"]
        await w.redeem(client_id, "dwc_secret")
        await http.post("/token", data=CODE, headers={"authorization": "Basic bm9ib2R5OnNlY3JldA=="})
        await http.post("/revoke", data={"token": "dwr_secret"})
        await http.post("/register", json={"redirect_uris": ["javascript:secret"]})
        await http.get(f"/register/{client_id}", headers={"authorization": "Bearer dwm_secret"})
        await http.get("/authorize", params={"client_id": "who", "redirect_uri": REDIRECT_URI, "state": "secret"})
        known = await w.known_client()
        parameters = w.authorize_parameters(known, state="secret", scope="unheard-of")
        assert (await http.get("/authorize", params=parameters)).headers["location"].startswith(REDIRECT_URI)
        await http.post("/token", content=b"x" * 70_000)
        assert [told(each) for each in seen] == [
            ("/token", 400, "invalid_grant", "unknown_code"),
            ("/token", 401, "invalid_client", "unknown_client"),
            ("/revoke", 401, "invalid_client", "unknown_client"),
            ("/register", 400, "invalid_redirect_uri", "malformed_redirect_uri"),
            ("/register", 401, "invalid_token", "management_token"),
            ("/authorize", 400, "invalid_request", "unknown_client"),
            ("/authorize", 303, "invalid_scope", "unknown_scope"),
            ("/token", 413, "invalid_request", "too_large"),
        ]
        assert [each.client_id for each in seen] == [client_id, "nobody", "", "", "", "who", known, ""]
        assert len({each.request_id for each in seen}) == len(seen)
        assert "secret" not in repr(seen)
        seen.clear()
        for error in (Unavailable("the secret"), ZeroDivisionError("the secret")):

            async def broken(kind, key, error=error):
                raise error

            with monkeypatch.context() as patch:
                patch.setattr(w.door.store, "get", broken)
                await w.redeem(client_id, "dwc_unknown")
        assert [told(each) for each in seen] == [
            ("/token", 503, "temporarily_unavailable", "store_unavailable"),
            ("/token", 500, "server_error", "bug"),
        ]
        assert "secret" not in repr(seen)


@pytest.mark.requirement("P-34")
@pytest.mark.parametrize("is_plain", [True, False])
async def test_a_refusal_may_be_said_in_other_words_and_a_fault_may_not(tmp_path, monkeypatch, is_plain):
    async def coroutine(fault):
        return WORDS + ' "\n'

    async with world(tmp_path, on_error=(lambda fault: WORDS + ' "\n') if is_plain else coroutine) as w:
        refused = await w.redeem("nobody", "dwc_unknown")
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert refused.json()["error_description"] == WORDS + " '?"
        async with w.browser() as http:
            page = await http.get("/authorize", params={"client_id": "nobody", "redirect_uri": REDIRECT_URI})
        assert page.status_code == 400
        assert WORDS in page.text

        async def broken(kind, key):
            raise Unavailable("down")

        monkeypatch.setattr(w.door.store, "get", broken)
        answer = await w.redeem("nobody", "dwc_unknown")
        assert (answer.status_code, answer.json()["error_description"]) == (503, "Try again in a moment.")


@pytest.mark.requirement("P-34")
@pytest.mark.parametrize("answer", [ZeroDivisionError("no"), Unavailable("theirs"), 7, b"words", False])
async def test_what_the_function_does_wrong_is_logged_and_changes_nothing(tmp_path, caplog, answer):
    seen = Seen()
    async with world(tmp_path, on_error=seen) as w:
        plain = await w.redeem("nobody", "dwc_unknown")
        seen.answer = answer
        with caplog.at_level(logging.ERROR, logger="doorward.endpoints"):
            again = await w.redeem("nobody", "dwc_unknown")
        assert (again.status_code, again.content) == (plain.status_code, plain.content)
        assert "on_error_failed" in caplog.text


async def test_a_function_that_never_answers_holds_up_no_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(hooks, "HOOK_SECONDS", 0)

    async def never(fault):
        await asyncio.Event().wait()

    async with world(tmp_path, on_error=never) as w:
        assert (await w.redeem("nobody", "dwc_unknown")).status_code == 401


async def test_what_is_granted_is_not_told(tmp_path):
    seen = Seen()
    async with world(tmp_path, on_error=seen) as w:
        client_id = (await w.register())["client_id"]
        tokens = (await w.redeem(client_id, await w.code(client_id))).json()
        assert (await w.call(tokens["access_token"])).status_code == 200
        assert seen == []


def test_a_fault_holds_nothing_else():
    assert OAuthFault.__slots__ == ("error", "status", "reason", "endpoint", "request_id", "client_id")
