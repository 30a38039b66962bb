import pytest

from doorward.oauth.clients.app_schemes import KNOWN_CLIENT_SCHEMES
from doorward.oauth.clients.redirect_uris import check_registrable, matches
from doorward.oauth.errors import InvalidRedirectUri, Reason

ISSUER = "https://door.example"
COMMANDS = [
    "cursor://anysphere.cursor-deeplink/mcp/install?name=helper&config=e30",
    "cursor://anysphere.cursor-deeplink/mcp/install",
    "cursor://anysphere.cursor-deeplink/oauth/callback",
    "cursor://anysphere.cursor-mcp/oauth/callback?x=1",
    "cursor://anysphere.cursor-mcp/oauthx",
    "cursor://anysphere.cursor-mcp:1/oauth/callback",
    "cursor:/oauth/callback",
    "cursor-nightly://evil.example/oauth/callback",
    "vscode://vscode.git/clone?url=https://evil.example/repo.git",
    "vscode://vscode.git/callback",
    "vscode://file/callback",
    "vscode://publisher.extension/run",
    "vscode-insiders://publisher.extension/callback?command=x",
    "windsurf://codeium.windsurf",
    "claude://claude.ai/new?q=do+this",
    "claude://claude.ai/new",
    "goose://extension?cmd=npx&arg=evil",
    "goose://extension",
    "raycast://extensions/evil/command",
    "warp://action/new_tab",
    "zed://file/etc/passwd",
]


@pytest.mark.requirement("A-03")
@pytest.mark.parametrize("uri", COMMANDS)
def test_a_command_of_an_installed_program_is_no_redirect_target(uri):
    with pytest.raises(InvalidRedirectUri) as refused:
        check_registrable(uri, issuer=ISSUER)
    assert refused.value.reason is Reason.UNSAFE_REDIRECT_URI
    assert not matches(uri, uri)


def test_every_known_scheme_has_a_place_for_answers():
    for scheme in KNOWN_CLIENT_SCHEMES:
        host = "anysphere.cursor-mcp" if scheme.startswith("cursor") else "publisher.extension"
        check_registrable(f"{scheme}://{host}/oauth/callback", issuer=ISSUER)
        with pytest.raises(InvalidRedirectUri):
            check_registrable(f"{scheme}://{host}/open", issuer=ISSUER)
