"""Named MCP clients as data: the redirect URIs each one uses, and where its user types a client id.

For `doorward clients add --preset`. Clients that register themselves need none of this. A loopback URI is listed once
per path: any port matches it (RFC 8252 s7.3).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientPreset:
    """One MCP client."""

    title: str
    redirect_uris: tuple[str, ...]
    confidential: bool
    """True if the client keeps a secret on a server of its vendor."""
    where_to_paste: str
    """One line; `{url}`, `{client_id}` and `{name}` are filled in."""


CLIENT_PRESETS: dict[str, ClientPreset] = {
    "claude": ClientPreset(
        title="Claude",
        redirect_uris=("https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"),
        confidential=True,
        where_to_paste="Claude: Settings, Connectors, Add custom connector; id and secret go under Advanced settings.",
    ),
    "claude-code": ClientPreset(
        title="Claude Code",
        redirect_uris=("http://localhost:3118/callback", "http://127.0.0.1:3118/callback"),
        confidential=False,
        where_to_paste="claude mcp add --transport http --client-id {client_id} --callback-port 3118 {name} {url}",
    ),
    "chatgpt": ClientPreset(
        title="ChatGPT",
        redirect_uris=("https://chatgpt.com/connector_platform_oauth_redirect",),
        confidential=True,
        where_to_paste="ChatGPT: Settings, Apps, Create; choose OAuth with your own client. If it shows a callback "
        "under /connector/oauth/, add the client again with that as --redirect-uri.",
    ),
    "cursor": ClientPreset(
        title="Cursor",
        redirect_uris=(
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
        ),
        confidential=False,
        where_to_paste='Cursor, mcp.json: "{name}": {{"url": "{url}", "auth": {{"CLIENT_ID": "{client_id}"}}}}',
    ),
    "vscode": ClientPreset(
        title="Visual Studio Code",
        redirect_uris=(
            "http://127.0.0.1/",
            "http://127.0.0.1:33418/",
            "https://vscode.dev/redirect",
            "https://insiders.vscode.dev/redirect",
        ),
        confidential=False,
        where_to_paste="VS Code asks for the client id when the server offers no registration to it.",
    ),
    "mcp-manager": ClientPreset(
        title="MCP Manager",
        redirect_uris=("https://app.mcpmanager.ai/api/v1/mcpm/inbound/oauth/callback",),
        confidential=True,
        where_to_paste="MCP Manager: add a server, choose Client Pre-Registration, paste id and secret.",
    ),
    "inspector": ClientPreset(
        title="MCP Inspector",
        redirect_uris=(
            "http://localhost:6274/oauth/callback",
            "http://localhost:6274/oauth/callback/debug",
            "http://127.0.0.1:6274/oauth/callback",
            "http://127.0.0.1:6274/oauth/callback/debug",
        ),
        confidential=False,
        where_to_paste="MCP Inspector: Authentication, OAuth 2.0 Flow, Client ID.",
    ),
    "mcp-remote": ClientPreset(
        title="mcp-remote",
        redirect_uris=("http://localhost:3334/oauth/callback", "http://127.0.0.1:3334/oauth/callback"),
        confidential=False,
        where_to_paste='npx mcp-remote {url} --static-oauth-client-info \'{{"client_id": "{client_id}"}}\'',
    ),
}
