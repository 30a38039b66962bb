// openid-client against an authorization server: what it advertises, as an application would use it.
import * as client from "openid-client";
import { authorize, must, probe, REDIRECT_URI, registration, report, runs } from "./strict.mjs";

const resource = new URL(process.argv[2]);
const issuer = new URL(resource.origin);
const discovery = { algorithm: "oauth2", execute: [client.allowInsecureRequests] };

async function register(run, keys) {
  const body = await registration(run.method, keys);
  const proof = run.method === "private_key_jwt" ? client.PrivateKeyJwt({ key: keys.privateKey, kid: "k1" }) : undefined;
  const config = await client.dynamicClientRegistration(issuer, body, proof, discovery);
  must(config.clientMetadata().token_endpoint_auth_method === run.method, "registered with another authentication method");
  if (run.method !== "client_secret_basic") return config;
  // The library sends a secret in the body by default: say which way was registered.
  const { client_id, client_secret } = config.clientMetadata();
  return client.discovery(issuer, client_id, { client_secret }, client.ClientSecretBasic(client_secret), discovery);
}

async function once(run) {
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const config = await register(run, keys);
  must(config.serverMetadata().supportsPKCE(), "the metadata does not say that PKCE is supported");
  const options = run.bound ? { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256")) } : {};
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const parameters = {
    redirect_uri: REDIRECT_URI,
    scope: config.serverMetadata().scopes_supported.join(" "),
    resource: resource.href,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState,
  };
  const ask = run.push ? client.buildAuthorizationUrlWithPAR : client.buildAuthorizationUrl;
  const back = await authorize(await ask(config, parameters, options));
  const first = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState }, { resource: resource.href }, options);
  const second = await client.refreshTokenGrant(config, first.refresh_token, { resource: resource.href }, options);
  const { method, headers, body } = probe();
  const open = () => client.fetchProtectedResource(config, second.access_token, resource, method, body, headers, options);
  must((await open()).status === 200, "the refreshed token does not open the door");
  const introspects = config.serverMetadata().introspection_endpoint_auth_methods_supported?.includes(run.method) ?? false;
  if (introspects) must((await client.tokenIntrospection(config, second.access_token)).active, "a live token is not active");
  await client.tokenRevocation(config, second.access_token);
  const refused = await open().then((reply) => reply.status, (error) => error.status);
  must(refused === 401, `a revoked token is answered ${refused}`);
  return { ...run, introspects, rotated: second.refresh_token !== first.refresh_token };
}

await report(async (done) => {
  const config = await client.discovery(issuer, "unused", undefined, undefined, discovery);
  for (const run of runs(config.serverMetadata())) done.push(await once(run));
});
