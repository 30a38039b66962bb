"""Where clients that describe themselves may redirect to."""

import pytest

from doorward.oauth.clients.host_patterns import check_redirect_hosts
from doorward.oauth.errors import InvalidRedirectUri, Reason

OURS = "https://apps.example.com/cb"
LOOPBACK = "http://127.0.0.1/cb"
APP = "com.example.app:/cb"


@pytest.mark.requirement("F-07")
@pytest.mark.parametrize(
    ("patterns", "uris", "refused"),
    [
        (("*",), (OURS, LOOPBACK, APP), ""),
        (("*.example.com",), (OURS, LOOPBACK, APP, "cursor://anysphere.cursor-mcp/cb"), ""),
        (("*.example.com",), (OURS, "https://evil.example/cb"), "evil.example"),
        (("*.example.com",), ("https://example.com/cb",), "example.com"),
        (("example.com",), (OURS,), "apps.example.com"),
        (("apps.example.com",), ("https://APPS.example.com:8443/cb",), ""),
        (("apps.example.com",), ("https://apps.example.com.evil.example/cb",), "apps.example.com.evil.example"),
        (("apps.example.com",), ("https://evilapps.example.com/cb",), "evilapps.example.com"),
        (("*", "!evil.example"), (OURS, "https://www.evil.example/cb"), ""),
        (("*", "!evil.example"), ("https://EVIL.example/cb",), "evil.example"),
        (("*", "!loopback"), (OURS, APP), ""),
        (("*", "!loopback"), (LOOPBACK,), "!loopback"),
        (("*", "!loopback"), ("https://localhost/cb",), "!loopback"),
        (("*", "!loopback"), ("http://[::1]:1/cb",), "!loopback"),
        (("*", "!app"), (OURS, LOOPBACK), ""),
        (("*", "!app"), (APP,), "!app"),
        (("*", "!app"), ("cursor://x/cb",), "!app"),
        ((), (LOOPBACK, APP), ""),
        ((), (OURS,), "apps.example.com"),
        (("apps.example.com",), ("https://app/cb",), "app"),
        (("apps.example.com", "app"), ("https://app/cb",), "app"),
        (("apps.example.com",), ("https://loopback/cb",), "loopback"),
        (("apps.example.com",), ("https://[2001:db8::1]/cb",), "[2001:db8::1]"),
    ],
)
def test_answers_go_to_the_hosts_of_the_list_only(patterns, uris, refused):
    if not refused:
        check_redirect_hosts(uris, patterns)
        return
    with pytest.raises(InvalidRedirectUri) as caught:
        check_redirect_hosts(uris, patterns)
    assert f" {refused} " in caught.value.description
    assert "registration_redirect_hosts" in caught.value.description
    assert caught.value.reason is Reason.REDIRECT_HOST
