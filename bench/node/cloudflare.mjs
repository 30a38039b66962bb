// Cloudflare's OAuth provider on the real workerd, with its key-value store on local disk; consent is given at once.
// Usage: node cloudflare.mjs PORT FOLDER [URL of an MCP server that is behind it]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Miniflare } from "miniflare";

const [port, folder, upstream] = process.argv.slice(2);
const library = createRequire(import.meta.url).resolve("@cloudflare/workers-oauth-provider");
const worker = `
import { OAuthProvider } from "./oauth-provider.js";
const upstream = ${JSON.stringify(upstream ?? null)};
const api = { fetch: async (request) => (upstream ? fetch(new Request(upstream, request)) : Response.json({ ok: true })) };
const site = {
  async fetch(request, env) {
    if (new URL(request.url).pathname !== "/authorize") return new Response("not found", { status: 404 });
    const asked = await env.OAUTH_PROVIDER.parseAuthRequest(request);
    const { redirectTo } = await env.OAUTH_PROVIDER.completeAuthorization({
      request: asked, userId: "owner", metadata: {}, scope: asked.scope, props: { userId: "owner" },
    });
    return Response.redirect(redirectTo, 302);
  },
};
export default new OAuthProvider({
  apiRoute: "/mcp", apiHandler: api, defaultHandler: site,
  resourceMetadata: { resource: "http://127.0.0.1:${port}/mcp" },
  authorizeEndpoint: "/authorize", tokenEndpoint: "/token", clientRegistrationEndpoint: "/register",
});`;
const server = new Miniflare({
  host: "127.0.0.1",
  port: Number(port),
  modules: [
    { type: "ESModule", path: "index.js", contents: worker },
    { type: "ESModule", path: "oauth-provider.js", contents: readFileSync(library, "utf8") },
  ],
  compatibilityDate: "2026-07-01",
  kvNamespaces: ["OAUTH_KV"],
  kvPersist: folder,
});
await server.ready;
process.on("SIGTERM", () => server.dispose().then(() => process.exit(0)));
