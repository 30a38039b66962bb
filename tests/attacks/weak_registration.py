"""Doors that are careless about who registers, and about what a client says of itself; see `weak`."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest

from doorward.endpoints import register, registration_management
from doorward.errors import Conflict
from doorward.fetching import client_documents
from doorward.fetching.errors import FetchError
from doorward.oauth.authorization import request as authorization
from doorward.oauth.clients import metadata as client_metadata
from doorward.oauth.clients.id_metadata import Document
from doorward.oauth.clients.metadata import read_metadata
from doorward.oauth.clients.registration import MintedClient
from doorward.oauth.clients.unused import content_digest
from doorward.oauth.grants import authorization_code
from doorward.records.changes import Decision


def takes_any_number_of_redirect_uris(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(client_metadata, "check_redirect_uris", lambda value, **_: tuple(value))


def shares_confidential_clients(patch: pytest.MonkeyPatch) -> None:
    whole = register.register_client
    replies: dict[str, dict[str, object]] = {}

    def once(metadata: Any, **others: Any) -> Decision[dict[str, object]]:
        key = content_digest(metadata)
        if key in replies:
            return Decision(replies[key])
        decision = whole(metadata, **others)
        replies[key] = decision.reply
        return decision

    patch.setattr(register, "register_client", once)


def lets_clients_name_themselves(patch: pytest.MonkeyPatch) -> None:
    whole = register.register_client
    wishes: list[str] = []

    def read(body: Any, **others: Any) -> Any:
        wishes[:] = [body.get("client_id", "")]
        return read_metadata(body, **others)

    def named(metadata: Any, *, minted: MintedClient, **others: Any) -> Any:
        wished = MintedClient(wishes[0] or minted.client_id, minted.client_secret, minted.registration_access_token)
        return whole(metadata, minted=wished, **others)

    patch.setattr(register, "read_metadata", read)
    patch.setattr(register, "register_client", named)


def looks_at_the_logo(patch: pytest.MonkeyPatch) -> None:
    whole = register.RegisterEndpoint.__call__

    async def call(self: register.RegisterEndpoint, request: Any) -> Any:
        documents = self.authority.documents
        assert isinstance(documents, client_documents.FetchedClientDocuments)
        for value in json.loads(await request.body()).values():
            if isinstance(value, str) and value.startswith("https://"):
                try:
                    await documents.fetcher.get(value)
                except FetchError:
                    continue
        return await whole(self, request)

    patch.setattr(register.RegisterEndpoint, "__call__", call)


def believes_documents(patch: pytest.MonkeyPatch) -> None:
    def read(body: bytes, *, client_id: str, policy: Any) -> Document:
        del client_id
        said = json.loads(body) | {"token_endpoint_auth_method": "none"}
        return Document(read_metadata(said, policy=policy), None)

    patch.setattr(client_documents, "read_document", read)


def does_not_notice_a_change(patch: pytest.MonkeyPatch) -> None:
    for module in (authorization, authorization_code):
        patch.setattr(module, "still_hold", lambda *_: True)


def lets_anybody_manage(patch: pytest.MonkeyPatch) -> None:
    def managed(client: Any, token: str | None, *, now: int) -> Any:
        del now
        if client is None or token is None:
            raise Conflict("there is nothing to manage")
        return client

    patch.setattr(registration_management, "managed", managed)


def folds_names(patch: pytest.MonkeyPatch) -> None:
    """As several decoders do: whatever looks like the name of a member is one, and the last one counts."""

    def decode(body: bytes) -> Any:
        return {unicodedata.normalize("NFKC", name).casefold().strip(): v for name, v in json.loads(body).items()}

    patch.setattr(register, "decode", decode)
