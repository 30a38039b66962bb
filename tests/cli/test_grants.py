"""`doorward grants`, run in this process."""

from cli.stored import add_grant, in_store, is_over

from doorward.oauth.authorization.consent import consent_id
from doorward.records.changes import Insert
from doorward.records.oauth import Consent


def test_grants_are_listed_and_revoked(at, tmp_path):
    at("users", "add", "ann")
    first = add_grant(tmp_path, user_id="ann", client_id="c1")
    second = add_grant(tmp_path, user_id="bob", client_id="c1")
    assert [grant["grant_id"] for grant in at("grants", "list", "--user", "ann", "--json")] == [first]
    assert [grant["door"] for grant in at("grants", "list", "--client", "c1", "--json")] == ["mcp", "mcp"]
    assert at("grants", "revoke", first, "--json") == {"revoked": first, "was_live": True}
    assert at("grants", "revoke", first, "--json") == {"revoked": first, "was_live": False}
    assert is_over(tmp_path, first)
    assert [grant["grant_id"] for grant in at("grants", "list", "--json")] == [second]
    assert len(at("grants", "list", "--all", "--json")) == 2
    assert "there is no grant" in at("grants", "revoke", "nothing", code=2)


def test_consents_are_listed_and_withdrawn_with_their_grant(at, tmp_path):
    at("users", "add", "ann")
    grant_id = add_grant(tmp_path, user_id="ann", client_id="c1")
    place = {"user_id": "ann", "client_id": "c1", "redirect_uri": "https://client.example/cb"}
    place["resource"] = "http://127.0.0.1:8000/mcp"
    consent = Consent(
        consent_id=consent_id(**place), **place, scopes=("mcp",), description_digest="x", created_at=1, given_at=2
    )
    in_store(tmp_path, lambda store: store.apply([Insert(consent)]))
    (listed,) = at("grants", "consents", "--user", "ann", "--json")
    assert listed["scopes"] == ["mcp"]
    assert listed["given_at"] == 2
    assert "https://client.example/cb" in at("grants", "consents")
    assert at("grants", "consents", "--client", "c2", "--json") == []
    at("grants", "revoke", grant_id)
    assert "There are no consents." in at("grants", "consents")


def test_a_client_is_disconnected_by_command_at_one_door_or_at_all(at, tmp_path):
    at("users", "add", "ann", "--service")
    grant = add_grant(tmp_path, user_id="ann", client_id="c")
    asked = ("grants", "disconnect", "--user", "ann", "--client", "c")
    assert "there is no user" in at(*asked[:3], "anne", *asked[4:], code=2)
    assert "there is no door" in at(*asked, "--door", "other", code=2)
    assert at(*asked, "--door", "http://127.0.0.1:8000/gone", "--json")["disconnected"] is False
    assert not is_over(tmp_path, grant)
    assert "Disconnected c of ann from mcp." in at(*asked, "--door", "mcp")
    assert is_over(tmp_path, grant)
    assert "was not connected" in at(*asked)
