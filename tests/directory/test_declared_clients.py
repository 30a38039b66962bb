"""Clients that a program declares: `Door(..., clients=[...])`."""

from __future__ import annotations

import pytest
from endpoints.documents import KEY, proof, public
from world import ISSUER, REDIRECT_URI, VERIFIER, echo_app, world

from doorward import ConfigError, Door
from doorward.clock import FixedClock
from doorward.records.oauth import Client

SECRET = "s" * 43
DECLARED = {
    "client_id": "notes",
    "client_name": "Notes",
    "redirect_uris": [REDIRECT_URI],
    "client_secret": SECRET,
}
WITH_KEYS = {"client_id": "signer", "client_name": "Signer", "redirect_uris": [REDIRECT_URI], "jwks": public(KEY)}


async def test_a_declared_client_signs_in_with_its_secret_or_its_key(tmp_path):
    async with world(tmp_path, clients=[DECLARED, WITH_KEYS]) as w:
        form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
        for client_id, fields in (
            ("notes", {"client_id": "notes", "client_secret": SECRET}),
            ("signer", proof(w, "signer")),
        ):
            answer = await w.token(**form, code=await w.code(client_id), **fields)
            assert answer.status_code == 200, answer.text


async def test_a_declaration_holds_at_each_start_and_grants_outlive_it(tmp_path):
    clock = FixedClock()
    async with world(tmp_path, clock=clock, clients=[DECLARED]) as w:
        first = await w.door.store.get(Client, "notes")
    clock.advance(60)
    async with world(tmp_path, clock=clock, clients=[DECLARED]) as w:
        assert await w.door.store.get(Client, "notes") == first
    renamed = DECLARED | {"client_name": "Notes 2"}
    async with world(tmp_path, clock=clock, clients=[renamed]) as w:
        second = await w.door.store.get(Client, "notes")
        assert (second.record.client_name, second.record.created_at) == ("Notes 2", first.record.created_at)
    async with world(tmp_path, clock=clock) as w:
        assert await w.door.store.get(Client, "notes") == second


async def test_a_declaration_does_not_take_the_id_of_a_client_that_registered_itself(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
    with pytest.raises(ConfigError, match="is taken"):
        async with world(tmp_path, clients=[DECLARED | {"client_id": client_id}]):
            pass


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ([{"client_id": "x"}], "redirect_uris is missing"),
        ([DECLARED | {"redirect_uri": "x"}], "redirect_uri"),
        ([DECLARED | {"redirect_uris": ["javascript:alert(1)"]}], "cannot be registered"),
        ([DECLARED | {"token_endpoint_auth_method": "none"}], "cannot be registered"),
        ([DECLARED | {"token_endpoint_auth_method": "magic"}], "must be one of"),
        ([DECLARED | {"jwks": public(KEY)}], "cannot be registered"),
        ([WITH_KEYS | {"jwks": {"keys": [KEY.as_dict(private=True)]}}], "private"),
        ([WITH_KEYS | {"jwks": None, "jwks_uri": "http://client.example/jwks.json"}], "https"),
        ([DECLARED, DECLARED], "same client_id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "declared",
)
def test_a_declaration_that_cannot_be_used_is_a_fault_at_construction(tmp_path, declared, expected):
    with pytest.raises(ConfigError, match=expected) as refused:
        Door(echo_app, public_url=ISSUER, data_dir=tmp_path, clients=declared)
    assert SECRET not in str(refused.value)
