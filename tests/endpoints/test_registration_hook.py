"""The operator's own function at `/register`: what it is told, how it refuses, and what becomes of its faults."""

import pytest
from endpoints.registering import CONFIDENTIAL, post
from endpoints.test_register import clients
from world import world

from doorward import RegistrationRefused
from doorward.errors import StorageError
from doorward.fetching.errors import FetchError
from doorward.oauth.errors import InvalidClientMetadata, Reason

STATEMENT = CONFIDENTIAL | {"software_statement": "a.b.c", "nested": {"list": [1]}}


@pytest.mark.requirement("P-13")
async def test_a_function_refuses_in_its_own_words_and_sees_what_was_sent(tmp_path):
    seen = []

    def hook(asked):
        seen.append(asked.body)
        if asked.body.get("software_statement") != "a.b.c":
            raise RegistrationRefused("Bring a statement.", error="unapproved_software_statement", status=400)
        if asked.client_name == "Blocked":
            raise RegistrationRefused("Not you.")

    async def as_a_coroutine(asked):
        return hook(asked)

    for number, function in enumerate((hook, as_a_coroutine)):
        async with world(tmp_path / str(number), on_register=function) as w, w.browser() as http:
            client = (await post(w, STATEMENT)).json()
            assert seen[-1] == STATEMENT
            refused = await post(w, CONFIDENTIAL)
            assert (refused.status_code, refused.json()) == (
                400,
                {"error": "unapproved_software_statement", "error_description": "Bring a statement."},
            )
            blocked = STATEMENT | {"client_name": "Blocked"}
            refused = await post(w, blocked)
            assert (refused.status_code, refused.json()["error"]) == (403, "access_denied")
            changed = blocked | {"client_id": client["client_id"]}
            refused = await http.put(
                client["registration_client_uri"],
                json=changed | {"client_secret": client["client_secret"]},
                headers={"authorization": f"Bearer {client['registration_access_token']}"},
            )
            assert (refused.status_code, refused.json()["error"]) == (403, "access_denied")
            assert seen[-1] == changed
            assert [each.client_id for each in await clients(w)] == [client["client_id"]]


async def test_what_a_function_does_with_the_body_changes_nothing(tmp_path):
    def vandal(asked):
        asked.body["client_name"] = "Changed"
        asked.display["client_uri"] = "https://evil.example"

    async with world(tmp_path, on_register=vandal) as w, w.browser() as http:
        client = (await post(w, STATEMENT | {"client_name": "Notes"})).json()
        body = STATEMENT | {"client_name": "Notes", "client_id": client["client_id"]}
        headers = {"authorization": f"Bearer {client['registration_access_token']}"}
        replaced = (await http.put(client["registration_client_uri"], json=body, headers=headers)).json()
        for reply in (client, replaced):
            assert (reply["client_name"], "client_uri" in reply) == ("Notes", False)


def raising(error):
    def hook(asked):
        raise error

    return hook


@pytest.mark.requirement("P-13")
@pytest.mark.parametrize(
    "hook",
    [
        raising(ZeroDivisionError()),
        raising(StorageError("theirs")),
        raising(FetchError("timeout", "theirs")),
        raising(InvalidClientMetadata("theirs", Reason.MALFORMED_METADATA)),
        lambda asked: RegistrationRefused("No.", status=200),
        lambda asked: RegistrationRefused("returned, not raised"),
        lambda asked: True,
        lambda asked: 0,
    ],
    ids=["bug", "store", "fetch", "verdict", "no refusal", "returned", "true", "zero"],
)
async def test_whatever_else_it_raises_or_returns_is_a_bug_that_lets_nobody_in(tmp_path, hook):
    async with world(tmp_path, on_register=hook) as w:
        answer = await post(w, CONFIDENTIAL)
        assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
        assert "Incident" in answer.json()["error_description"]
        assert await clients(w) == []
