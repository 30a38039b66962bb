import pytest
from oauth.given import ISSUER

from doorward.oauth.clients.presets import CLIENT_PRESETS
from doorward.oauth.clients.redirect_uris import check_registrable


@pytest.mark.parametrize("preset", CLIENT_PRESETS.values(), ids=CLIENT_PRESETS.keys())
def test_every_redirect_uri_of_a_preset_can_be_registered(preset):
    assert preset.redirect_uris
    for uri in preset.redirect_uris:
        check_registrable(uri, issuer=ISSUER)
