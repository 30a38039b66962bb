"""The cases that are put to both authorization servers. Each takes a server and returns what it said, in words."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from flows.oracle import Case, Known, Server, basic, redemption, renewal, said

PUBLIC, BASIC, POST = "public", "basic", "post"
METHODS = {PUBLIC: "none", BASIC: "client_secret_basic", POST: "client_secret_post"}


async def registers(server: Server, **changes: Any) -> str:
    return said(await server.register(**changes))


async def asks(server: Server, more: str = "", **changes: str | None) -> str:
    return await server.asked(server.authorization(await server.client(PUBLIC), **changes) + more)


async def redeems(server: Server, who: str = PUBLIC, **changes: str | None) -> str:
    client = await server.client(who, METHODS[who])
    return said(await server.post("token", redemption(await server.code(client), **changes), client))


async def redeems_doubled(server: Server, name: str) -> str:
    client = await server.client(PUBLIC)
    form = redemption(await server.code(client))
    return said(await server.post("token", [*form, (name, dict(form)[name])], client))


async def redeems_twice(server: Server) -> str:
    """The second time without the verifier: a thief's replay, not an honest client's retry."""
    client = await server.client(PUBLIC)
    code = await server.code(client)
    first = await server.post("token", redemption(code), client)
    second = await server.post("token", redemption(code, code_verifier="w" * 43), client)
    third = await server.post("token", renewal(first.json()["refresh_token"]), client)
    return f"{said(first)}, {said(second)}, then refresh {said(third)}"


async def repeats_honestly(server: Server) -> str:
    client = await server.client(PUBLIC)
    form = redemption(await server.code(client))
    await server.post("token", form, client)
    return said(await server.post("token", form, client))


async def redeems_anothers(server: Server) -> str:
    code = await server.code(await server.client(PUBLIC))
    return said(await server.post("token", redemption(code), await server.client(POST, METHODS[POST])))


async def sends(
    server: Server, endpoint: str, form: list[tuple[str, str]], who: str | None = PUBLIC, **headers: str
) -> str:
    client = await server.client(who, METHODS[who]) if who else None
    return said(await server.post(endpoint, form, client, headers={k.replace("_", "-"): v for k, v in headers.items()}))


async def authenticates(server: Server, who: str, changed: Known | None = None, **headers: str) -> str:
    """Redeem a made-up code, so that only the authentication of the client is at stake."""
    client = changed or await server.client(who, METHODS[who])
    return said(await server.post("token", redemption("made-up"), client, headers=headers))


async def with_a_wrong_secret(server: Server, who: str) -> str:
    good = await server.client(who, METHODS[who])
    return await authenticates(server, who, Known(good.client_id, "wrong-secret-of-some-length", good.method))


async def without_its_secret(server: Server, who: str) -> str:
    good = await server.client(who, METHODS[who])
    return await authenticates(server, who, Known(good.client_id, None, "none"))


async def with_another_method(server: Server, registered: str, method: str) -> str:
    good = await server.client(registered, METHODS[registered])
    return await authenticates(server, registered, Known(good.client_id, good.secret, method))


async def with_a_basic_header(server: Server, header: str) -> str:
    return said(await server.post("token", redemption("made-up"), None, headers={"authorization": header}))


async def in_two_ways(server: Server) -> str:
    good = await server.client(POST, METHODS[POST])
    header = {"authorization": basic(good.client_id, good.secret or "")}
    return said(await server.post("token", redemption("made-up"), good, headers=header))


async def refreshes(server: Server, **more: str) -> str:
    client = await server.client(PUBLIC)
    form = renewal((await server.tokens(client))["refresh_token"], **more)
    return said(await server.post("token", form, client))


async def refreshes_anothers(server: Server) -> str:
    tokens = await server.tokens(await server.client(PUBLIC))
    stranger = await server.client(POST, METHODS[POST])
    return said(await server.post("token", renewal(tokens["refresh_token"]), stranger))


async def reuses_after_the_successor(server: Server) -> str:
    client = await server.client(PUBLIC)
    first = (await server.tokens(client))["refresh_token"]
    second = (await server.post("token", renewal(first), client)).json()["refresh_token"]
    third = (await server.post("token", renewal(second), client)).json()["refresh_token"]
    reused = await server.post("token", renewal(first), client)
    return f"{said(reused)}, then its line {said(await server.post('token', renewal(third), client))}"


async def refreshes_again_at_once(server: Server) -> str:
    client = await server.client(PUBLIC)
    first = (await server.tokens(client))["refresh_token"]
    await server.post("token", renewal(first), client)
    return said(await server.post("token", renewal(first), client))


async def revokes(server: Server, which: str) -> str:
    client = await server.client(PUBLIC)
    tokens = await server.tokens(client)
    answer = await server.post("revocation", [("token", tokens[which])], client)
    return f"{said(answer)}, then refresh {said(await server.post('token', renewal(tokens['refresh_token']), client))}"


async def revokes_anothers(server: Server) -> str:
    client = await server.client(PUBLIC)
    tokens = await server.tokens(client)
    stranger = await server.client(POST, METHODS[POST])
    answer = await server.post("revocation", [("token", tokens["refresh_token"])], stranger)
    return f"{said(answer)}, then refresh {said(await server.post('token', renewal(tokens['refresh_token']), client))}"


async def introspects(server: Server, who: str | None, token: str | None = None) -> str:
    client = await server.client(who, METHODS[who]) if who else None
    asked = token or (await server.tokens(await server.client(POST, METHODS[POST])))["access_token"]
    answer = await server.post("introspection", [("token", asked)], client)
    return said(answer) + (f" active={answer.json()['active']}" if answer.status_code == 200 else "")


async def pushes(server: Server, **changes: str) -> str:
    client = await server.client(PUBLIC)
    query = server.authorization(client, **changes).partition("?")[2]
    form = [pair for pair in parse_qsl(query) if pair[0] != "client_id"]
    return said(await server.post("pushed_authorization_request", form, client))


CASES: dict[str, Case] = {
    "register a public client": registers,
    "register without redirect URIs": partial(registers, redirect_uris=[]),
    "register javascript:": partial(registers, redirect_uris=["javascript:alert(1)"]),
    "register a fragment": partial(registers, redirect_uris=["https://client.example/cb#x"]),
    "register a method that does not exist": partial(registers, token_endpoint_auth_method="tls"),
    "authorize": asks,
    "authorize an unknown client": partial(asks, client_id="nobody"),
    "authorize without a client": partial(asks, client_id=None),
    "authorize a foreign redirect URI": partial(asks, redirect_uri="https://evil.example/cb"),
    "authorize another path": partial(asks, redirect_uri="http://127.0.0.1:33419/callback/x"),
    "authorize another loopback port": partial(asks, redirect_uri="http://127.0.0.1:1/callback"),
    "authorize without a challenge": partial(asks, code_challenge=None, code_challenge_method=None),
    "authorize with plain": partial(asks, code_challenge_method="plain"),
    "authorize without a method": partial(asks, code_challenge_method=None),
    "authorize with a short challenge": partial(asks, code_challenge="abc"),
    "authorize a token response": partial(asks, response_type="token"),
    "authorize an unknown scope": partial(asks, scope="unheard-of"),
    "authorize a foreign resource": partial(asks, resource="https://elsewhere.example/mcp"),
    "authorize with a doubled state": partial(asks, more="&state=s2"),
    "authorize with a doubled client": partial(asks, more="&client_id=other"),
    "authorize with a request object": partial(asks, request="e30.e30."),
    "redeem": redeems,
    "redeem as a basic client": partial(redeems, who=BASIC),
    "redeem as a post client": partial(redeems, who=POST),
    "redeem with a wrong verifier": partial(redeems, code_verifier="w" * 43),
    "redeem without a verifier": partial(redeems, code_verifier=None),
    "redeem with a short verifier": partial(redeems, code_verifier="w" * 42),
    "redeem with another redirect URI": partial(redeems, redirect_uri="http://127.0.0.1:33419/other"),
    "redeem for a foreign resource": partial(redeems, resource="https://elsewhere.example/mcp"),
    "redeem with a doubled code": partial(redeems_doubled, name="code"),
    "redeem with a doubled verifier": partial(redeems_doubled, name="code_verifier"),
    "redeem another client's code": redeems_anothers,
    "redeem twice, the second time as a thief": redeems_twice,
    "redeem twice, honestly": repeats_honestly,
    "redeem a made-up code": partial(authenticates, who=PUBLIC),
    "no grant type": partial(sends, endpoint="token", form=[("code", "x")]),
    "an unknown grant type": partial(sends, endpoint="token", form=[("grant_type", "password")]),
    "a JSON body": partial(sends, endpoint="token", form=[("a", "b")], content_type="application/json"),
    "a wrong secret by Basic": partial(with_a_wrong_secret, who=BASIC),
    "a wrong secret by post": partial(with_a_wrong_secret, who=POST),
    "post for a Basic client": partial(with_another_method, registered=BASIC, method="client_secret_post"),
    "no secret for a Basic client": partial(without_its_secret, who=BASIC),
    "an unknown client": partial(authenticates, who=PUBLIC, changed=Known("nobody", None, "none")),
    "Basic without base64": partial(with_a_basic_header, header="Basic %%%"),
    "Basic without a colon": partial(with_a_basic_header, header="Basic YWJj"),
    "Bearer instead of Basic": partial(with_a_basic_header, header="Bearer abc"),
    "no client at all": partial(sends, endpoint="token", form=redemption("made-up"), who=None),
    "two ways at once": in_two_ways,
    "refresh": refreshes,
    "refresh for more scope": partial(refreshes, scope="mcp more"),
    "refresh for a foreign resource": partial(refreshes, resource="https://elsewhere.example/mcp"),
    "refresh another client's token": refreshes_anothers,
    "refresh with a made-up token": partial(sends, endpoint="token", form=renewal("made-up")),
    "refresh again at once": refreshes_again_at_once,
    "reuse after the successor was used": reuses_after_the_successor,
    "revoke the refresh token": partial(revokes, which="refresh_token"),
    "revoke the access token": partial(revokes, which="access_token"),
    "revoke another client's token": revokes_anothers,
    "revoke a made-up token": partial(sends, endpoint="revocation", form=[("token", "made-up")]),
    "revoke nothing": partial(sends, endpoint="revocation", form=[]),
    "revoke as nobody": partial(sends, endpoint="revocation", form=[("token", "x")], who=None),
    "introspect": partial(introspects, who=POST),
    "introspect as nobody": partial(introspects, who=None, token="x"),
    "introspect as a public client": partial(introspects, who=PUBLIC),
    "introspect as another client": partial(introspects, who=BASIC),
    "introspect a made-up token": partial(introspects, who=POST, token="made-up"),
    "push": pushes,
    "push a foreign redirect URI": partial(pushes, redirect_uri="https://evil.example/cb"),
    "push an unknown scope": partial(pushes, scope="unheard-of"),
    "push a request_uri": partial(pushes, request_uri="urn:x"),
}
"""The script, in order; every case stands alone."""
