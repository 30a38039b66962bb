import pytest
from oauth.given import ISSUER

from doorward.oauth.clients.presets import CLIENT_PRESETS
from doorward.oauth.clients.redirect_uris import check_registrable


@pytest.mark.parametrize("preset", CLIENT_PRESETS.values(), ids=CLIENT_PRESETS.keys())
def test_every_redirect_uri_of_a_preset_can_be_registered(preset):
    assert preset.redirect_uris
    for uri in preset.redirect_uris:
        check_registrable(uri, issuer=ISSUER)


def test_the_clients_that_people_add_most_are_known_by_their_names():
    assert {"claude", "chatgpt", "cursor", "vscode", "inspector", "mcp-manager"} <= CLIENT_PRESETS.keys()
    assert {name for name in CLIENT_PRESETS if name != name.lower()} == set()
    assert [name for name, preset in CLIENT_PRESETS.items() if not preset.title] == []
