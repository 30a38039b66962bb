"""The administration API in this process, by its OpenAPI document: drawn requests, and answers held to what it says.

A second way beside schemathesis (`fuzz.api`): small, without sockets, and so part of every run of the tests. Requests
are drawn by the schemas and then spoiled; an answer must have a status that the document names, its type and its shape.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from jsonschema import Draft202012Validator

from doorward import Door
from doorward.administration.operation import CAPABILITIES
from doorward.directory.accounts import add_user
from doorward.directory.header_tokens import NewHeaderToken, create_header_token
from doorward.records.accounts import HeaderToken
from doorward.records.oauth import Client, Grant
from fuzz.endpoints import ISSUER, VALUES, nothing

API = f"{ISSUER}/-/api/v1"
OPERATOR = "operator"
"""Whose token is used; nobody draws this name, so the campaign does not end its own token."""

Operation = tuple[str, str, dict[str, Any]]
"""Method, path and what the document says about them."""


def operations(document: dict[str, Any]) -> list[Operation]:
    """Return every operation of the document."""
    return [(method, path, said) for path, methods in document["paths"].items() for method, said in methods.items()]


def drawn(draw: random.Random, schema: dict[str, Any], depth: int = 0) -> Any:
    """Draw a value that the schema describes, or in one case of ten another one."""
    if draw.random() < 0.1 or depth > 4:
        return draw.choice((None, True, -1, 1 << 70, 1.5, "", "\x00", "é" * 300, [], {}, [[]], {"a": {}}))
    if "anyOf" in schema:
        return drawn(draw, draw.choice(schema["anyOf"]), depth + 1)
    if "enum" in schema:
        return draw.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            said = {name: drawn(draw, each, depth + 1) for name, each in schema.get("properties", {}).items()}
            return {name: value for name, value in said.items() if draw.random() < 0.6}
        case "array":
            return [drawn(draw, schema.get("items", {}), depth + 1) for _ in range(draw.randrange(4))]
        case "integer":
            return draw.choice((0, 1, 50, 10_000, -1, 1 << 40))
        case "boolean":
            return draw.random() < 0.5
        case "null":
            return None
    return draw.choice((*VALUES, "owner", "admin:read", "https://client.example/cb"))


async def known_names(door: Door) -> list[str]:
    """Return ids that exist, but for those of the operator."""
    clients = [each.record.client_id for each in await door.store.find(Client)]
    grants = [each.record.grant_id for each in await door.store.find(Grant)]
    found = await door.store.find(HeaderToken)
    tokens = [each.record.token_id for each in found if each.record.user_id != OPERATOR]
    return ["owner", *clients[-5:], *grants[-5:], *tokens[-5:]]


async def ask(
    http: httpx2.AsyncClient, draw: random.Random, operation: Operation, names: list[str]
) -> tuple[str, httpx2.Response]:
    """Draw one request to an operation; return it in words, and its answer."""
    method, path, said = operation
    query = []
    for parameter in said.get("parameters", ()):
        value = drawn(draw, parameter["schema"])
        if parameter["in"] == "path":
            name = str(draw.choice(names) if draw.random() < 0.6 else value)
            path = path.replace(f"{{{parameter['name']}}}", quote(name, safe="") or "x")
        elif draw.random() < 0.5:
            query.append((parameter["name"], str(value)))
    content, headers = b"", {}
    if "requestBody" in said:
        headers["content-type"] = draw.choice(("application/json",) * 9 + ("text/plain",))
        content = json.dumps(drawn(draw, said["requestBody"]["content"]["application/json"]["schema"])).encode()
        content = content if draw.random() < 0.9 else content[: draw.randrange(len(content) + 1)]
    answer = await http.request(method.upper(), API + path, params=query, content=content, headers=headers)
    return f"{method.upper()} {path} {query} {content[:200]!r}", answer


def faults(document: dict[str, Any], operation: Operation, answer: httpx2.Response) -> Iterator[str]:
    """Say what of an answer the document does not say."""
    responses = operation[2]["responses"]
    if answer.status_code >= 500 or str(answer.status_code) not in responses:
        yield f"status {answer.status_code}"
        return
    if answer.headers.get("content-type") != "application/json":
        yield f"type {answer.headers.get('content-type')}"
        return
    schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": document["components"]})
    yield from (
        f"{'/'.join(map(str, each.path))}: {each.message[:200]}" for each in validator.iter_errors(answer.json())
    )


async def campaign(document: dict[str, Any], cases: int, seed: int = 0) -> dict[str, Any]:
    """Send that many requests, to each operation in turn."""
    started, taken = time.monotonic(), 0
    finds: list[dict[str, str]] = []
    asked = operations(document)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        door = Door(nothing, public_url=ISSUER, data_dir=Path(folder) / "data", owner_password="correct horse")
        async with door.lifespan(), httpx2.AsyncClient(transport=httpx2.ASGITransport(door)) as http:
            http.headers["authorization"] = f"Bearer {await operator_token(door)}"
            for number in range(cases):
                operation = asked[number % len(asked)]
                words, answer = await ask(http, random.Random(f"{seed}/{number}"), operation, await known_names(door))
                taken += answer.is_success
                finds += [{"error": fault, "input": words} for fault in faults(document, operation, answer)]
    seconds = round(time.monotonic() - started, 1)
    return {"inputs": cases, "taken": taken, "finds": len(finds), "seconds": seconds, "kept": finds[:5]}


async def operator_token(door: Door) -> str:
    """Make an account that may do everything, and return its token."""
    await add_user(door.store, door.clock, OPERATOR, kind="service", password=None)
    new = NewHeaderToken(
        name=OPERATOR, user_id=OPERATOR, scopes=(), lifetime_seconds=None, capabilities=tuple(CAPABILITIES)
    )
    token, _ = await create_header_token(door.store, door.clock, door.entropy, new)
    return token
