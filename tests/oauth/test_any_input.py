"""Whatever a stranger sends ends in a verdict of ours, never in another exception."""

from hypothesis import given, settings
from hypothesis import strategies as st
from oauth.given import NOW, POLICY, REDIRECT_URI, a_client

from doorward.oauth.authorization.request import trusted_client_target, validate
from doorward.oauth.clients.authentication import presented_client
from doorward.oauth.clients.metadata import read_metadata
from doorward.oauth.clients.redirect_uris import check_registrable, matches
from doorward.oauth.clients.registration import MintedClient, register_client
from doorward.oauth.errors import BearerError, LocalAuthorizationError, OAuthError
from doorward.oauth.parameters import parse_form, parse_query
from doorward.oauth.resource_indicators import canonical
from doorward.oauth.tokens.bearer import presented_token

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "client_name", "client_name#de", "client_uri", "logo_uri#x", "scope", "grant_types", "response_types",
        "token_endpoint_auth_method", "application_type", "software_id", "jwks", "redirect_uris",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "response_type", "code_challenge", "code_challenge_method", "scope", "resource", "state", "prompt", "request",
        "response_mode", "redirect_uri", "client_id",
    ]
)  # fmt: skip


def attempt(function, *arguments, **keywords):
    """Return what came out, and the verdict if it was a refusal; anything else escapes and fails the test."""
    try:
        return function(*arguments, **keywords), None
    except (OAuthError, BearerError) as error:
        return None, error


quick = settings(max_examples=150, deadline=None, database=None)


@quick
@given(st.binary(max_size=200) | st.text("ab=&%+04f", max_size=60).map(str.encode))
def test_a_body_is_read_or_refused(body):
    for parse in (parse_form, parse_query):
        values, refusal = attempt(parse, body)
        assert refusal.status == 400 if refusal else all(values.values())


@quick
@given(st.dictionaries(FIELDS, JSON, max_size=6) | JSON)
def test_a_registration_is_stored_as_echoed_or_refused(body):
    if isinstance(body, dict):
        body = {"redirect_uris": [REDIRECT_URI]} | body
    metadata, refusal = attempt(read_metadata, body, policy=POLICY)
    if not refusal:
        minted = MintedClient("c1", "s", "m")
        decision, refusal = attempt(register_client, metadata, minted=minted, now=NOW, policy=POLICY)
    if refusal:
        assert refusal.error in {"invalid_client_metadata", "invalid_redirect_uri"}
        return
    client = decision.changes[0].record
    assert decision.reply["redirect_uris"] == list(client.redirect_uris)
    assert decision.reply["token_endpoint_auth_method"] == client.token_endpoint_auth_method
    assert None not in decision.reply.values()


@quick
@given(st.text("htps:/.@\\#?%2eE[]l1*;\t ", max_size=40).map("https://client.example".__add__) | st.text(max_size=40))
def test_a_uri_is_accepted_or_refused_and_matches_itself_only_if_accepted(uri):
    canonical(uri)
    _, refusal = attempt(check_registrable, uri, issuer=POLICY.issuer)
    assert refusal is None or refusal.error == "invalid_redirect_uri"
    assert matches(uri, uri) == (refusal is None)


@quick
@given(st.dictionaries(NAMES, st.text(max_size=50), max_size=8).map(lambda sent: {"client_id": "c1"} | sent))
def test_an_authorization_request_is_accepted_or_refused_in_the_right_place(parameters):
    client = a_client()
    target, refusal = attempt(trusted_client_target, parameters, client, now=NOW, policy=POLICY)
    if refusal:
        assert isinstance(refusal, LocalAuthorizationError)
        return
    assert target == REDIRECT_URI
    _, refusal = attempt(
        validate,
        parameters,
        client,
        redirect_uri=target,
        request_id="r1",
        browser_digest="b1",
        now=NOW,
        policy=POLICY,
    )
    assert refusal is None or refusal.location().startswith(REDIRECT_URI + "?error=")


@quick
@given(st.none() | st.text(max_size=40).map("Basic ".__add__) | st.text(max_size=40), st.booleans())
def test_client_credentials_are_read_or_refused(authorization, in_body):
    presented, refusal = attempt(presented_client, authorization, {"client_id": "c1"} if in_body else {})
    assert refusal.error in {"invalid_client", "invalid_request"} if refusal else presented.client_id


@quick
@given(st.binary(max_size=40) | st.binary(max_size=40).map(b"Bearer ".__add__))
def test_a_header_holds_a_token_or_none_or_is_refused(authorization):
    token, refusal = attempt(presented_token, authorization)
    assert refusal is None or refusal.status == 401
    assert token is None or token
