"""Which headers of a client the upstream gets, with the operator's exceptions."""

import logging

import pytest
from door.fronts import Front, legacy

from doorward.door.inbound import HeaderSorter, is_dropped


@pytest.mark.parametrize(
    "name", ["x-user-timezone", "x-user-locale", "x-user-agent", "x-client-version", "x-account-currency"]
)
def test_a_plain_fact_passes_whatever_its_name_begins_with(name):
    assert not is_dropped(name.encode())


@pytest.mark.parametrize(
    "name",
    [
        *("x-user", "x-userinfo", "x-user-id", "x-user-name", "x-user-email", "x-user-timezone-id", "x-user-groups"),
        *("x-tenant-id", "x-account", "x-role", "x-client-cert", "x-auth-token", "x_user_timezone", "x-email"),
    ],
)
def test_what_says_who_somebody_is_stays(name):
    assert is_dropped(name.encode())


async def test_a_name_passes_when_the_operator_says_so():
    front = Front(auth="none", forward_headers=("x-tenant-id", "x_old_name"))
    await front.ask(legacy(), headers={"x-tenant-id": "t1", "x_old_name": "o", "x-account-id": "a"})
    assert front.upstream.got("x-tenant-id") == ["t1"]
    assert front.upstream.got("x_old_name") == ["o"]
    assert not front.upstream.got("x-account-id")


async def test_the_header_of_a_token_never_passes():
    front = Front(auth="none", forward_headers=("x-api-key",), token_header="X-API-Key")
    await front.ask(legacy(), headers={"x-api-key": "secret"})
    assert not front.upstream.got("x-api-key")


@pytest.mark.parametrize("name", ["x-api-key", "x-tenant-id", "traceparent", "authorization"])
async def test_no_client_sends_a_header_that_the_operator_sets(name):
    front = Front(auth="none", forward_headers=("x-tenant-id",), upstream_headers=f"{name}: own")
    await front.ask(legacy(), headers={name: "client"})
    assert not front.upstream.got(name)


def test_each_dropped_name_is_logged_once(caplog):
    sorter = HeaderSorter()
    with caplog.at_level(logging.DEBUG, "doorward.door"):
        for _ in range(3):
            sorter.sort([(b"x-tenant-id", b"secret"), (b"via", b"secret"), (b"x-kept", b"v")])
        sorter.sort([(b"x-user-%d" % number, b"secret") for number in range(2000)])
        sorter.sort([(b"x-user-%d" % number, b"secret") for number in range(2000)])
    names = [record.fields["name"] for record in caplog.records if record.getMessage() == "header_dropped"]
    assert names[:2] == ["x-tenant-id", "via"]
    assert len(names) == len(set(names)) < 600
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "name",
    [
        *("keep-alive", "te", "trailer", "http2-settings"),
        *("authorization", "dpop", "accept-encoding", "cookie", "referer", "proxy"),
        *("forwarded", "via", "from", "true-client-ip", "cf-connecting-ip", "fastly-client-ip", "client-ip"),
        *("remote-user", "remote-addr", "x-request-id", "x-http-method-override", "x-method-override"),
        *("x-forwarded-for", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-original-url", "x-rewrite-url"),
        *("x-envoy-peer", "x-remote-user", "x-authenticated-user", "x-webauth-user", "x-group", "x-principal"),
        *("x-identity", "x-subject", "x-doorward-identity", "x-goog-authenticated-user-email"),
        *("x-goog-iap-jwt-assertion", "x-amzn-oidc-data", "x-ms-client-principal-id", "x-ssl-client-dn"),
        *("ssl-client-verify", "cf-access-jwt-assertion", "tailscale-user-login", "sec-fetch-site"),
        *("proxy-authorization", "access-control-request-method"),
    ],
)
async def test_what_another_hop_says_never_reaches_the_upstream(name):
    front = Front(auth="none")
    await front.ask(legacy(), headers={name: "claimed"})
    assert "claimed" not in front.upstream.got(name)
