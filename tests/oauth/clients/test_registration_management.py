import pytest
from joserfc.jwk import ECKey
from oauth.given import ISSUER, NOW, POLICY, REDIRECT_URI, a_client, a_grant

from doorward.oauth.clients.registration_management import (
    current_registration,
    delete_registration,
    expire_registration,
    managed,
    replace_registration,
)
from doorward.oauth.clients.terms import still_hold, terms
from doorward.oauth.errors import InvalidClientMetadata, InvalidRedirectUri, InvalidToken, Reason
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import Delete, DeleteAll, Replace, Stored
from doorward.records.oauth import Client, Consent, Grant

TOKEN = "dwm_token"
PUBLIC_KEYS = {"keys": [ECKey.generate_key("P-256", private=True).as_dict(private=False)]}
BODY = {"client_id": "c1", "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "client_secret_basic"}


def confidential(**changes):
    values = {
        "source": "dynamic",
        "token_endpoint_auth_method": "client_secret_basic",
        "secret_digest": digest("hush"),
        "management_digest": digest(TOKEN),
        "expires_at": NOW + 60,
        "client_name": "Notes",
        "metadata": {"logo_uri": "https://client.example/logo.png"},
    }
    return Stored(a_client(**(values | changes)), 6)


def replaced(body, client=None):
    return replace_registration(body, client or confidential(), token=TOKEN, client_secret="fresh", policy=POLICY)


@pytest.mark.requirement("R-10")
@pytest.mark.parametrize(
    ("client", "token"),
    [
        (None, TOKEN),
        (confidential(), None),
        (confidential(), ""),
        (confidential(), "dwm_other"),
        (confidential(), digest(TOKEN)),
        (confidential(), "hush"),
        (confidential(management_digest=None), TOKEN),
        (confidential(management_digest=None), ""),
        (confidential(management_digest=""), ""),
        (confidential(expires_at=NOW), TOKEN),
    ],
)
def test_whoever_has_no_token_of_a_client_learns_nothing_of_it(client, token):
    with pytest.raises(InvalidToken) as refused:
        managed(client, token, now=NOW)
    assert (refused.value.status, refused.value.reason) == (401, Reason.MANAGEMENT_TOKEN)


def test_the_token_opens_its_own_client():
    client = confidential()
    assert managed(client, TOKEN, now=NOW) is client


@pytest.mark.requirement("RFC7592-3")
def test_a_registration_is_shown_without_the_secret():
    shown = current_registration(confidential().record, TOKEN, policy=POLICY)
    assert shown["registration_access_token"] == TOKEN
    assert shown["registration_client_uri"] == f"{ISSUER}/register/c1"
    assert shown["logo_uri"] == "https://client.example/logo.png"
    assert not {"client_secret", "client_secret_expires_at"} & shown.keys()


@pytest.mark.requirement("RFC7592-2.2")
def test_a_registration_is_replaced_as_a_whole_and_keeps_its_secret():
    decision = replaced(BODY | {"client_secret": "hush", "redirect_uris": ["https://client.example/new"]})
    (change,) = decision.changes
    assert isinstance(change, Replace)
    assert change.version == 6
    new = change.record
    assert isinstance(new, Client)
    assert new.redirect_uris == ("https://client.example/new",)
    assert (new.client_name, new.metadata) == ("", {})
    assert (new.secret_digest, new.management_digest, new.expires_at) == (digest("hush"), digest(TOKEN), NOW + 60)
    assert "client_secret" not in decision.reply
    assert decision.reply["redirect_uris"] == ["https://client.example/new"]
    assert not still_hold(terms(confidential().record), new)


def test_a_client_may_change_from_a_secret_to_keys_and_back():
    to_keys = replaced(BODY | {"token_endpoint_auth_method": "private_key_jwt", "jwks": PUBLIC_KEYS})
    with_keys = to_keys.changes[0].record
    assert (with_keys.secret_digest, to_keys.reply["jwks"]) == (None, PUBLIC_KEYS)
    back = replaced(BODY, Stored(with_keys, 7))
    assert back.reply["client_secret"] == "fresh"
    assert (back.changes[0].record.secret_digest, back.changes[0].record.jwks) == (digest("fresh"), None)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ([], InvalidClientMetadata),
        ({}, InvalidClientMetadata),
        (BODY | {"client_id": "c2"}, InvalidClientMetadata),
        (BODY | {"client_secret": "wrong"}, InvalidClientMetadata),
        (BODY | {"client_secret": 1}, InvalidClientMetadata),
        (BODY | {"registration_access_token": TOKEN}, InvalidClientMetadata),
        (BODY | {"registration_client_uri": "https://door.example/register/c1"}, InvalidClientMetadata),
        (BODY | {"client_secret_expires_at": 0}, InvalidClientMetadata),
        (BODY | {"client_id_issued_at": 0}, InvalidClientMetadata),
        (BODY | {"token_endpoint_auth_method": "none"}, InvalidClientMetadata),
        (BODY | {"token_endpoint_auth_method": "private_key_jwt"}, InvalidClientMetadata),
        (BODY | {"redirect_uris": ["javascript:alert(1)"]}, InvalidRedirectUri),
        (BODY | {"redirect_uris": []}, InvalidRedirectUri),
    ],
)
@pytest.mark.requirement("R-04")
@pytest.mark.requirement("R-10")
def test_a_replacement_is_held_to_the_rules_of_a_registration(body, error):
    with pytest.raises(error):
        replaced(body)


@pytest.mark.requirement("RFC7592-2.3")
def test_a_deleted_client_takes_its_grants_along():
    live, ended = a_grant(), a_grant(grant_id="g2", revoked_at=NOW - 1)
    first = expire_registration(confidential(), [live, ended], now=NOW).changes
    second = delete_registration(confidential(expires_at=NOW), [live, ended], now=NOW).changes
    assert first[0] == Replace(confidential(expires_at=NOW).record, 6)
    assert second[:2] == (Delete(Client, "c1", 6), DeleteAll(Consent, "client_id", "c1"))
    for changes in (first, second):
        of_grants = [change for change in changes if isinstance(change, Replace) and isinstance(change.record, Grant)]
        assert [change.record.grant_id for change in of_grants] == ["g1"]
        assert {change.value for change in changes if isinstance(change, DeleteAll)} - {"c1"} == {"g1"}
