from dataclasses import replace

import pytest
from oauth.given import NOW, POLICY, REDIRECT_URI, a_client

from doorward.oauth.clients.metadata import read_metadata
from doorward.oauth.clients.registration import MintedClient, register_client
from doorward.oauth.clients.unused import Before, Place, best_place, content_digest, is_free, is_unused, keep, occupy
from doorward.records.changes import Delete, Expect, Insert, Replace, Stored
from doorward.records.oauth import Client, RegisteredContent, RegistrationSlot

MINTED = MintedClient("new", "dws_secret", "dwm_token")
BODY = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none", "client_name": "Claude"}


def waiting(client_id="old", **changes):
    return a_client(
        **{"client_id": client_id, "source": "dynamic", "created_at": NOW - 60, "expires_at": NOW + 999} | changes
    )


def place(slot="1", holder=None, taken_at=NOW - 60, expires_at=NOW + 999):
    client_id = holder.client_id if holder else "gone"
    taken = RegistrationSlot(slot=slot, client_id=client_id, taken_at=taken_at, expires_at=expires_at)
    return Place(slot, Stored(taken, 3), Stored(holder, 5) if holder else None)


def metadata(**changes):
    return read_metadata(BODY | changes, policy=POLICY)


@pytest.mark.parametrize(
    ("candidate", "free"),
    [
        (Place("1"), True),
        (place(), True),
        (place(holder=waiting()), False),
        (place(holder=waiting(), expires_at=NOW), True),
        (place(holder=waiting(used_at=NOW)), True),
        (place(holder=waiting(expires_at=None)), True),
        (place(holder=a_client(client_id="old", expires_at=NOW + 1)), True),
    ],
)
def test_a_place_is_free_unless_an_unused_client_waits_in_it(candidate, free):
    assert is_free(candidate, now=NOW) is free


def test_a_free_place_comes_first_and_then_whoever_has_waited_longest():
    young, old = place("1", waiting(), NOW - 10), place("2", waiting(), NOW - 500)
    assert best_place([young, old], now=NOW) is old
    assert best_place([old, young, Place("3")], now=NOW).slot == "3"


@pytest.mark.requirement("R-01")
def test_a_further_client_takes_the_place_of_one_that_nobody_used():
    new = waiting("new")
    slot = RegistrationSlot(slot="1", client_id="new", taken_at=NOW, expires_at=new.expires_at)
    assert occupy(Place("1"), new, now=NOW) == (Insert(slot),)
    assert occupy(place(), new, now=NOW) == (Replace(slot, 3),)
    assert occupy(place(holder=waiting()), new, now=NOW) == (Replace(slot, 3), Delete(Client, "old", 5))


@pytest.mark.requirement("R-01")
@pytest.mark.parametrize("changes", [{"used_at": NOW - 1}, {"expires_at": None}, {"source": "registered"}])
def test_a_client_that_is_used_is_never_pushed_out(changes):
    holder = waiting(**changes)
    assert not is_unused(holder)
    assert not any(isinstance(change, Delete) for change in occupy(place(holder=holder), waiting("new"), now=NOW))


def register(said, before_client=None, now=NOW):
    key = content_digest(said)
    content = None
    if before_client is not None:
        content = Stored(RegisteredContent(content_digest=key, client_id=before_client.client_id), 4)
    before = Before(key, content, Stored(before_client, 5) if before_client else None)
    return register_client(said, minted=MINTED, now=now, policy=POLICY, before=before)


@pytest.mark.requirement("R-01")
def test_the_same_words_of_a_public_client_get_the_same_client():
    first = register(metadata())
    insert, remembered = first.changes
    assert remembered == Insert(
        RegisteredContent(content_digest=content_digest(metadata()), client_id="new", expires_at=NOW + 3600)
    )
    again = register(metadata(), insert.record, now=NOW + 3599)
    assert again.changes == ()
    assert again.reply == first.reply
    assert not {"client_secret", "registration_access_token", "registration_client_uri"} & again.reply.keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"created_at": NOW - 3600},
        {"used_at": NOW - 1},
        {"expires_at": None},
        {"expires_at": NOW},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"source": "registered"},
    ],
)
@pytest.mark.requirement("R-01")
@pytest.mark.requirement("R-03")
def test_a_client_that_is_old_used_or_confidential_is_not_given_again(changes):
    decision = register(metadata(), waiting(**changes))
    assert decision.reply["client_id"] == "new"
    assert any(
        isinstance(change, Replace) and isinstance(change.record, RegisteredContent) for change in decision.changes
    )


@pytest.mark.requirement("R-03")
def test_a_confidential_client_is_never_shared():
    said = metadata(token_endpoint_auth_method="client_secret_basic")
    decision = register(said, waiting(token_endpoint_auth_method="client_secret_basic"))
    assert decision.reply["client_id"] == "new"
    assert decision.reply["client_secret"] == "dws_secret"
    assert not any(isinstance(change.record, RegisteredContent) for change in decision.changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_name": "Claude "},
        {"unheard_of": 1},
        {"client_id": "mine"},
        {"redirect_uris": [REDIRECT_URI, REDIRECT_URI]},
    ],
)
def test_words_that_do_not_count_make_no_difference(changes):
    assert content_digest(metadata(**changes)) == content_digest(metadata())


@pytest.mark.parametrize(
    "changes",
    [
        {"client_name": "Cursor"},
        {"redirect_uris": ["https://other.example/callback"]},
        {"scope": "read"},
        {"application_type": "native"},
        {"grant_types": ["authorization_code"]},
        {"logo_uri": "https://other.example/logo.png"},
    ],
)
def test_words_that_count_make_another_client(changes):
    assert content_digest(metadata(**changes)) != content_digest(metadata())


def test_a_window_of_nothing_means_one_client_per_registration():
    said = metadata()
    before = Before(
        content_digest(said),
        Stored(RegisteredContent(content_digest="x", client_id="old"), 4),
        Stored(waiting(created_at=NOW), 5),
    )
    policy = replace(POLICY, same_client_seconds=0)
    assert register_client(said, minted=MINTED, now=NOW, policy=policy, before=before).reply["client_id"] == "new"


def test_a_web_address_counts_as_used_from_the_first_answer_on():
    client = waiting(used_at=NOW - 9, expires_at=NOW + 10**9)
    kept = keep(Stored(client, 5), grant_ends_at=NOW, now=NOW, policy=POLICY, redirect_uri=REDIRECT_URI)
    assert isinstance(kept, Replace)
    assert kept.record.used_redirect_uris == (REDIRECT_URI,)
    assert kept.record.used_at == NOW - 9
    again = keep(Stored(kept.record, 6), grant_ends_at=NOW, now=NOW, policy=POLICY, redirect_uri=REDIRECT_URI)
    assert again == Expect(Client, client.client_id, 6)


@pytest.mark.parametrize("redirect_uri", ["", "http://127.0.0.1:4711/cb", "com.example.app:/cb"])
def test_an_address_of_the_device_is_never_kept_as_used(redirect_uri):
    client = waiting()
    kept = keep(Stored(client, 5), grant_ends_at=NOW, now=NOW, policy=POLICY, redirect_uri=redirect_uri)
    assert isinstance(kept, Replace)
    assert kept.record.used_redirect_uris == ()
