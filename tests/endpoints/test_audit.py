"""What flows and their error paths leave in the audit log, and what they never do: a secret, there or in a log line."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections import Counter

import pytest
from endpoints.registering import CONFIDENTIAL, post
from world import PASSWORD, REDIRECT_URI, VERIFIER, form_of, query_of, world

from doorward.audit.chain import CHAIN, Verification, entry_id
from doorward.clock import FixedClock
from doorward.logs import JsonFormatter
from doorward.records.audit import AuditEntry, AuditHead


@pytest.fixture
def written():
    """Everything that is logged, at every level, as it would be written."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("doorward")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


async def entries(w) -> list[AuditEntry]:
    """Return the whole chain; it holds."""
    await w.door.running.installation.audit.flush()
    found = sorted([each.record for each in await w.door.store.find(AuditEntry)], key=lambda each: each.entry_id)
    verification = Verification()
    verification.check(found)
    head = await w.door.store.get(AuditHead, CHAIN)
    assert verification.finish(head.record if head else None) is None
    return found


def told(found) -> list[str]:
    return [" ".join(filter(None, (each.event, each.outcome, each.reason))) for each in found]


@pytest.mark.requirement("AUD-02")
async def test_a_login_and_its_end_are_told_from_registration_to_revocation(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        tokens = (await w.redeem(client_id, await w.code(client_id))).json()
        refresh = {"grant_type": "refresh_token", "client_id": client_id}
        newer = (await w.token(**refresh, refresh_token=tokens["refresh_token"])).json()
        async with w.browser() as http:
            await http.post("/revoke", data={"client_id": client_id, "token": newer["refresh_token"]})
        found = await entries(w)
        assert Counter(told(found)) == Counter(
            [
                "client_registered ok",
                "sign_in ok",
                "consent ok",
                "grant_issued ok",
                "token_issued ok",
                "token_refreshed ok",
                "grant_ended ok revoked_by_client",
            ]
        )
        by_event = {each.event: each for each in found}
        assert by_event["sign_in"].actor == by_event["consent"].actor == "user:owner"
        assert {by_event[name].grant_id for name in ("consent", "token_issued", "token_refreshed", "grant_ended")} == {
            by_event["grant_issued"].grant_id
        }
        assert {each.client_id for each in found} == {client_id}
        assert all(each.request_id and each.address == "127.0.0.1" for each in found)


@pytest.mark.requirement("AUD-02")
async def test_reuse_and_replay_end_the_grant_with_their_reason(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        tokens = (await w.redeem(client_id, code)).json()
        w.clock.advance(11)
        await w.redeem(client_id, code)
        other = (await w.redeem(client_id, await w.code(client_id))).json()
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": other["refresh_token"]}
        await w.token(**form)
        w.clock.advance(31)
        await w.token(**form)
        said = told(await entries(w))
        assert "grant_ended ok replayed_code" in said
        assert "refused refused replayed_code" in said
        assert "grant_ended ok reused_refresh_token" in said
        assert "refused refused reused_refresh_token" in said
        assert tokens["access_token"] not in repr(said)


async def test_of_sixteen_racers_one_is_told(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        await asyncio.gather(*(w.redeem(client_id, code) for _ in range(16)))
        assert told(await entries(w)).count("token_issued ok") == 1


async def test_stopping_writes_what_was_waiting(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
    async with world(tmp_path, clock=w.clock) as again:
        assert [each.client_id for each in await entries(again)] == [client_id]


async def test_a_wrong_password_is_told_with_a_name_only_if_somebody_has_it(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        async with w.browser() as browser:
            page = await browser.get("/authorize", params=w.authorize_parameters(client_id), follow_redirects=True)
            await w.submit(browser, page, username="owner", password="guess")
            await w.submit(browser, page, username=PASSWORD, password="owner")
        found = [each for each in await entries(w) if each.event == "sign_in"]
        assert told(found) == ["sign_in failed wrong_password"] * 2
        assert [each.detail for each in found] == [{"user": "owner"}, {}]


@pytest.mark.requirement("K-01")
async def test_no_secret_of_any_flow_or_error_path_is_written_anywhere(tmp_path, written):
    async with world(tmp_path) as w:
        secrets = {"password": PASSWORD, "verifier": VERIFIER, "guess": "MARKED-guess-1"}
        client = await w.register(token_endpoint_auth_method="client_secret_post")
        client_id, secrets["client secret"] = client["client_id"], client["client_secret"]
        secrets["registration token"] = client.get("registration_access_token", "MARKED-none")
        async with w.browser() as browser:
            start = await browser.get("/authorize", params=w.authorize_parameters(client_id, state="MARKED-state"))
            page = await browser.get(start.headers["location"])
            secrets["cookie"] = next(iter(dict(browser.cookies).values()))
            secrets["form token"] = form_of(page)[1]["form_token"]
            page = await w.submit(browser, page, username="owner", password="MARKED-guess-1")
            page = await w.submit(browser, page, username="owner", password=PASSWORD)
            secrets["signed in cookie"] = next(iter(dict(browser.cookies).values()))
            await browser.post("/-/consent", data={"request": form_of(page)[1]["request"], "form_token": "wrong"})
            answer = await w.submit(browser, page, decision="approve")
        secrets["code"] = query_of(answer)["code"]
        proof = {"client_secret": secrets["client secret"]}
        wrong = [
            {"code": secrets["code"], "client_secret": "MARKED-wrong-secret"},
            {"code": secrets["code"], "code_verifier": "MARKED" + "x" * 50, **proof},
            {"code": secrets["code"], "redirect_uri": REDIRECT_URI + "/", **proof},
            {"code": "dwc_MARKED-unknown-code", **proof},
            {"code": secrets["code"], "grant_type": "MARKED-grant", **proof},
        ]
        for form in wrong:
            assert (await w.redeem(client_id, **{"code": "", **form})).status_code >= 400
        tokens = (await w.redeem(client_id, secrets["code"], **proof)).json()
        secrets |= {"access token": tokens["access_token"], "refresh token": tokens["refresh_token"]}
        form = {"grant_type": "refresh_token", "client_id": client_id, **proof}
        newer = (await w.token(**form, refresh_token=tokens["refresh_token"])).json()
        secrets |= {"next access token": newer["access_token"], "next refresh token": newer["refresh_token"]}
        await w.token(**form, refresh_token="dwr_MARKED-unknown-refresh")
        await w.call(newer["access_token"])
        await w.call("dwa_MARKED-unknown-access")
        w.clock.advance(60)
        assert (await w.token(**form, refresh_token=tokens["refresh_token"])).status_code == 400
        async with w.browser() as http:
            headers = {"authorization": "Bearer dwk_MARKED-administrator"}
            assert (await http.get("/-/api/v1/clients", headers=headers)).status_code == 401
            await http.post("/token", content=b"%zzMARKED-broken", headers={"content-type": "text/plain"})
        found = await entries(w)
    assert len(found) > 12
    everything = json.dumps([repr(each) for each in found]) + written.getvalue()
    assert "client_registered" in everything
    assert '"event": "refused"' in everything
    assert [name for name, secret in secrets.items() if secret in everything] == []
    assert "MARKED" not in everything


def test_the_search_for_secrets_finds_one_that_is_written(written):
    logging.getLogger("doorward.test").info("tokens MARKED-plain")
    assert "MARKED" in written.getvalue()


async def test_a_client_that_replaces_its_registration_is_told(tmp_path):
    async with world(tmp_path) as w, w.browser() as http:
        client = (await post(w, CONFIDENTIAL)).json()
        body = CONFIDENTIAL | {"client_id": client["client_id"], "client_name": "New name"}
        headers = {"authorization": f"Bearer {client['registration_access_token']}"}
        assert (await http.put(client["registration_client_uri"], json=body, headers=headers)).status_code == 200
        (changed,) = [each for each in await entries(w) if each.event == "client_changed"]
        assert (changed.client_id, changed.actor) == (client["client_id"], f"client:{client['client_id']}")
        assert changed.detail["name"] == "New name"


async def test_what_the_door_refuses_is_in_the_log_when_the_server_has_stopped(tmp_path):
    async with world(tmp_path) as w:
        for _ in range(5):
            assert (await w.call("dwa_unknown")).status_code == 401
    async with world(tmp_path) as w:
        (refused,) = [each for each in await entries(w) if each.event == "door_refused"]
        assert refused.detail["count"] == "5"


async def test_a_running_server_removes_entries_that_are_older_than_is_kept(tmp_path):
    clock = FixedClock()
    async with world(tmp_path, clock=clock) as w:
        await w.register()
    clock.advance(402 * 24 * 3600)
    async with world(tmp_path, clock=clock) as w:
        while await w.door.store.get(AuditEntry, entry_id(1)) is not None:
            await asyncio.sleep(0)
        found = [each.record for each in await w.door.store.find(AuditEntry)]
        assert "audit_purged" in {each.event for each in found}
    clock.advance(402 * 24 * 3600)
    async with world(tmp_path, clock=clock, audit_retention_days=0) as w:
        await w.register()
        await w.door.running.installation.audit.flush()
        assert len(await w.door.store.find(AuditEntry)) > len(found)
