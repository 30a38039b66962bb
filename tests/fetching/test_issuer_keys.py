import json
from dataclasses import replace

import pytest
from fetching.hostile import listening, local_fetcher, response
from oauth.given import ISSUER, NOW, POLICY, RESOURCE
from oauth.grants.id_jags import EC, IDP, RSA, Place, claims, header, signed

from doorward.clock import FixedClock
from doorward.errors import Unavailable
from doorward.fetching.issuer_keys import IssuerKeys
from doorward.oauth.grants.id_jag import key_of, read_assertion
from doorward.oauth.trusted_issuers import TrustedIssuer


def key_set(*keys, **headers):
    body = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()
    return response(body, content_type="application/jwk-set+json", **headers)


def an_assertion(host, **head):
    trusted = TrustedIssuer(issuer=IDP, jwks_uri=host.url("/keys"))
    policy = replace(POLICY, trusted_issuers=(trusted,))
    text = signed(header(**head), claims(Place(ISSUER, RESOURCE, "c1", NOW)), RSA if head else EC)
    return read_assertion(text, policy=policy)


@pytest.mark.requirement("EMA-01")
async def test_keys_are_fetched_once_and_kept_as_long_as_they_say():
    clock = FixedClock(NOW)
    async with listening() as host:
        host.answers["/keys"] = key_set(EC, cache_control="max-age=120")
        keys = IssuerKeys(local_fetcher(), clock)
        for seconds in (0, 60, 59):
            clock.advance(seconds)
            assert key_of(an_assertion(host), await keys.keys(an_assertion(host))) is not None
        assert host.asked("/keys") == 1
        clock.advance(1)
        await keys.keys(an_assertion(host))
        assert host.asked("/keys") == 2


async def test_a_key_that_is_new_is_asked_for_but_not_at_will():
    clock = FixedClock(NOW)
    async with listening() as host:
        host.answers["/keys"] = key_set(EC, cache_control="max-age=3600")
        keys = IssuerKeys(local_fetcher(), clock)
        await keys.keys(an_assertion(host))
        newer = an_assertion(host, alg="RS256", kid="rsa")
        for _ in range(5):
            assert key_of(newer, await keys.keys(newer)) is None
        assert host.asked("/keys") == 1
        host.answers["/keys"] = key_set(EC, RSA)
        clock.advance(30)
        assert key_of(newer, await keys.keys(newer)) is not None
        assert host.asked("/keys") == 2


@pytest.mark.parametrize(
    "answer",
    [
        response(b"", 500),
        response(b"not found", 404, "text/plain"),
        response(b'{"keys": []}'),
        response(b'{"keys": [], "keys": [{}]}'),
        response(json.dumps({"keys": [EC.as_dict(private=True)]}).encode()),
        response(b"x" * 70_000),
        response(b"", 302, location="http://127.0.0.1/keys"),
    ],
)
async def test_a_provider_that_does_not_answer_well_is_no_verdict_about_anybody(answer):
    async with listening() as host:
        host.answers["/keys"] = answer
        with pytest.raises(Unavailable):
            await IssuerKeys(local_fetcher(), FixedClock(NOW)).keys(an_assertion(host))


async def test_keys_that_are_stale_are_not_used_when_the_provider_is_gone():
    clock = FixedClock(NOW)
    async with listening() as host:
        host.answers["/keys"] = key_set(EC, cache_control="max-age=60")
        keys = IssuerKeys(local_fetcher(), clock)
        await keys.keys(an_assertion(host))
        host.answers["/keys"] = response(b"", 503)
        clock.advance(61)
        with pytest.raises(Unavailable):
            await keys.keys(an_assertion(host))
