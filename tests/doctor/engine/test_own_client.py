"""The doctor as an OAuth client: what it asks for, how it proves itself, and what it keeps out of the report."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from doctor.driving import pictured

from doorward import base64url
from doorward.doctor.engine.own_client import (
    Flow,
    code_request,
    parameters_of,
    refresh_request,
    remember_secrets,
    resource_of,
    revocation_request,
    take,
    token_request,
    wanted_scope,
)
from doorward.doctor.engine.parts import SignedIn
from doorward.doctor.engine.requests import Response

URL = "https://mcp.example.com/mcp"
CALLBACK = "http://127.0.0.1:33418/callback"
SERVER = {
    "authorization_endpoint": "https://auth.example.com/authorize",
    "token_endpoint": "https://auth.example.com/token",
    "revocation_endpoint": "https://auth.example.com/revoke",
}
PUBLIC = {"client_id": "c 1", "token_endpoint_auth_method": "none"}
BASIC = {"client_id": "c 1", "client_secret": "s:1"}


def seen(server=SERVER, resource=None, **more):
    return pictured(URL, server=server, resource={"resource": URL} if resource is None else resource, **more)


def form_of(request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode()))


def test_a_sign_in_begins_with_a_challenge_for_its_own_verifier():
    flow = Flow(PUBLIC, CALLBACK)
    query = {name: value[0] for name, value in parse_qs(urlsplit(flow.url(seen())).query).items()}
    assert (query["client_id"], query["redirect_uri"], query["state"]) == ("c 1", CALLBACK, flow.state)
    assert (query["resource"], query["code_challenge_method"]) == (URL, "S256")
    assert len(base64url.decode(query["code_challenge"])) == 32
    assert query["code_challenge"] != flow.verifier
    assert flow.verifier not in repr(flow)
    assert Flow(PUBLIC, CALLBACK).state != flow.state


def test_an_endpoint_with_a_query_keeps_it_and_an_empty_parameter_is_left_out():
    server = SERVER | {"authorization_endpoint": "https://auth.example.com/authorize?tenant=7"}
    url = Flow(PUBLIC, CALLBACK).url(seen(server), state="", prompt="none")
    assert "?tenant=7&" in url
    assert "prompt=none" in url
    assert "state=" not in url


@pytest.mark.parametrize(
    ("challenge", "listed", "offered", "scope"),
    [
        ("", None, None, ""),
        ("a b", ["c"], None, "a b"),
        ("", ["c", "d"], None, "c d"),
        ("", "c", None, ""),
        ("a", None, ["offline_access"], "a offline_access"),
        ("a offline_access", None, ["offline_access"], "a offline_access"),
        ("a", None, "offline_access", "a"),
    ],
)
def test_the_scopes_are_those_that_the_server_names(challenge, listed, offered, scope):
    resource = {"resource": URL} | ({} if listed is None else {"scopes_supported": listed})
    server = SERVER | ({} if offered is None else {"scopes_supported": offered})
    picture = seen(server, resource)
    picture.challenge = {"scope": challenge}
    assert wanted_scope(picture) == scope


@pytest.mark.parametrize(("resource", "expected"), [({"resource": URL}, URL), ({"resource": 7}, ""), ({}, "")])
def test_the_resource_is_the_advertised_one(resource, expected):
    assert resource_of(seen(resource=resource)) == expected


@pytest.mark.parametrize(
    ("status", "location", "parameters"),
    [
        (302, f"{CALLBACK}?code=x&state=y", {"code": "x", "state": "y"}),
        (200, f"{CALLBACK}?code=x", None),
        (302, "http://127.0.0.1:33418/other?code=x", None),
        (302, "http://127.0.0.1:1/callback?code=x", None),
        (302, "", None),
    ],
)
def test_only_a_redirect_to_the_client_brings_parameters(status, location, parameters):
    assert parameters_of(Response(status, {"location": location}), CALLBACK) == parameters


def test_a_client_proves_itself_as_it_was_registered():
    public = token_request(seen(), PUBLIC, {"grant_type": "x", "empty": ""})
    assert form_of(public) == {"grant_type": "x", "client_id": "c 1"}
    assert "authorization" not in public.headers
    basic = token_request(seen(), BASIC, {"grant_type": "x"})
    assert basic.headers["authorization"] == "Basic " + b64encode(b"c%201:s%3A1").decode()
    assert form_of(basic) == {"grant_type": "x"}
    posted = token_request(seen(), BASIC | {"token_endpoint_auth_method": "client_secret_post"}, {"grant_type": "x"})
    assert form_of(posted) == {"grant_type": "x", "client_id": "c 1", "client_secret": "s:1"}


def signed_in():
    return seen(sign_in=SignedIn(PUBLIC, Response(200), {"access_token": "a1", "refresh_token": "r1"}))


def test_codes_and_refresh_tokens_are_redeemed_for_the_resource():
    flow = Flow(PUBLIC, CALLBACK)
    assert form_of(code_request(seen(), flow, "the-code"))["code_verifier"] == flow.verifier
    assert form_of(code_request(seen(), flow, "the-code"))["resource"] == URL
    assert form_of(code_request(seen(), flow, "the-code", resource="https://other.example"))["resource"] != URL
    assert form_of(refresh_request(signed_in(), "r1", wait=2))["refresh_token"] == "r1"
    assert refresh_request(signed_in(), "r1", wait=2).wait_seconds == 2


def test_new_tokens_are_used_from_now_on_and_a_missing_refresh_token_stays():
    picture = signed_in()
    take(picture, {"access_token": "a2"})
    assert picture.token == "a2"
    assert picture.sign_in.reply == {"access_token": "a2", "refresh_token": "r1"}
    assert "a2" in picture.secrets


def test_secrets_are_kept_out_of_the_report():
    picture = seen()
    remember_secrets(picture, {"access_token": "a", "refresh_token": None, "id_token": "i", "scope": "mcp"})
    assert picture.secrets == {"a", "i"}


def test_a_revocation_needs_an_endpoint_and_a_sign_in():
    request = revocation_request(signed_in(), "r1", "refresh_token")
    assert request.url == SERVER["revocation_endpoint"]
    assert form_of(request) == {"token": "r1", "token_type_hint": "refresh_token", "client_id": "c 1"}
    assert revocation_request(seen(), "r1", "refresh_token") is None
    without = seen({name: value for name, value in SERVER.items() if name != "revocation_endpoint"})
    without.sign_in = signed_in().sign_in
    assert revocation_request(without, "r1", "refresh_token") is None
