// An MCP server on the TypeScript SDK v2, both eras, as its documentation shows it.
// Usage: node server_v2.mjs PORT open|sign-in
// With sign-in, the authorization server is the router that v1 had, kept in `server-legacy`; consent is given at once.
import { randomUUID } from "node:crypto";
import { createMcpExpressApp, getOAuthProtectedResourceMetadataUrl, mcpAuthMetadataRouter, requireBearerAuth } from "@modelcontextprotocol/express";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer, OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import { createOAuthMetadata, InvalidGrantError, mcpAuthRouter } from "@modelcontextprotocol/server-legacy/auth";
import { z } from "zod";

const [port, mode] = process.argv.slice(2);
const issuer = new URL(`http://127.0.0.1:${port}`);
const resource = new URL("/mcp", issuer);
const HOUR = 3600;

class Grants {
  clients = new Map();
  codes = new Map();
  tokens = new Map();
  refreshTokens = new Map();
  clientsStore = {
    getClient: (id) => this.clients.get(id),
    registerClient: (client) => (this.clients.set(client.client_id, client), client),
  };
  async authorize(client, params, res) {
    const code = randomUUID();
    this.codes.set(code, { client, params });
    const target = new URL(params.redirectUri);
    target.searchParams.set("code", code);
    if (params.state !== undefined) target.searchParams.set("state", params.state);
    res.redirect(target.href);
  }
  async challengeForAuthorizationCode(_client, code) {
    const found = this.codes.get(code);
    if (!found) throw new InvalidGrantError("no such code");
    return found.params.codeChallenge;
  }
  async exchangeAuthorizationCode(client, code) {
    const { params } = this.codes.get(code);
    this.codes.delete(code);
    return this.issue(client.client_id, params.scopes ?? []);
  }
  async exchangeRefreshToken(client, token) {
    const found = this.refreshTokens.get(token);
    if (!found || found.clientId !== client.client_id) throw new InvalidGrantError("no such refresh token");
    this.refreshTokens.delete(token);
    return this.issue(client.client_id, found.scopes);
  }
  issue(clientId, scopes) {
    const [access, refresh] = [randomUUID(), randomUUID()];
    const expiresAt = Math.floor(Date.now() / 1000) + HOUR;
    this.tokens.set(access, { token: access, clientId, scopes, expiresAt, resource });
    this.refreshTokens.set(refresh, { clientId, scopes });
    return { access_token: access, token_type: "bearer", expires_in: HOUR, refresh_token: refresh };
  }
  async verifyAccessToken(token) {
    const found = this.tokens.get(token);
    if (!found) throw new OAuthError(OAuthErrorCode.InvalidToken, "no such token");
    return found;
  }
}

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: "typescript-v2", version: "1" });
  server.registerTool(
    "echo",
    { description: "Return the text.", inputSchema: z.object({ text: z.string() }), annotations: { readOnlyHint: true } },
    async ({ text }) => ({ content: [{ type: "text", text }] }),
  );
  return server;
});
const app = createMcpExpressApp();
const guards = [];
if (mode === "sign-in") {
  const provider = new Grants();
  app.use(mcpAuthRouter({ provider, issuerUrl: issuer }));
  app.use(mcpAuthMetadataRouter({ oauthMetadata: createOAuthMetadata({ provider, issuerUrl: issuer }), resourceServerUrl: resource }));
  guards.push(requireBearerAuth({ verifier: provider, resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resource) }));
}
const serve = toNodeHandler(handler);
app.all("/mcp", ...guards, (req, res) => serve(req, res, req.body));
app.listen(Number(port), "127.0.0.1");
