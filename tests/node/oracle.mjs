// panva's oidc-provider set up as Doorward is: registration, S256 for everyone, one resource, rotation, no cookies kept
// between starts. It answers the same script of requests, so that every difference has to be explained.
import Provider from "oidc-provider";

const [port, resource] = [Number(process.argv[2]), process.argv[3]];
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  cookies: { keys: ["only for tests"] },
  scopes: ["mcp", "offline_access"],
  responseTypes: ["code"],
  clientAuthMethods: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
  clientDefaults: { grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] },
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed("refresh_token"),
  findAccount: async (ctx, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
  routes: {
    authorization: "/authorize",
    token: "/token",
    registration: "/register",
    revocation: "/revoke",
    introspection: "/introspect",
    pushed_authorization_request: "/par",
    jwks: "/.well-known/jwks.json",
  },
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    dPoP: { enabled: true },
    userinfo: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: async () => resource,
      useGrantedResource: async () => true,
      getResourceServerInfo: async (ctx, asked) => {
        if (asked !== resource) {
          const { InvalidTarget } = (await import("oidc-provider")).errors;
          throw new InvalidTarget();
        }
        return { scope: "mcp", audience: resource, accessTokenFormat: "opaque" };
      },
    },
  },
});

provider.listen(port, "127.0.0.1", () => console.log(`listening at ${issuer}`));
