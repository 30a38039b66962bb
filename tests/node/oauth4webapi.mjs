// oauth4webapi against an MCP server: everything that its authorization server advertises, done with strict checks.
import * as oauth from "oauth4webapi";
import { authorize, must, probe, REDIRECT_URI, registration, report, runs } from "./strict.mjs";

const insecure = { [oauth.allowInsecureRequests]: true };
const resource = new URL(process.argv[2]);

function authentication(method, client, keys) {
  switch (method) {
    case "none":
      return oauth.None();
    case "client_secret_basic":
      return oauth.ClientSecretBasic(client.client_secret);
    case "client_secret_post":
      return oauth.ClientSecretPost(client.client_secret);
    case "private_key_jwt":
      return oauth.PrivateKeyJwt({ key: keys.privateKey, kid: "k1" });
    default:
      throw new Error(`the metadata lists ${method}, which nobody here knows`);
  }
}

/** Ask once, and once more with the nonce that a server may demand for DPoP. */
async function withNonce(ask, process) {
  try {
    return await process(await ask());
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return process(await ask());
  }
}

async function login(as, client, proof, options, run) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  let parameters = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    response_type: "code",
    scope: as.scopes_supported.join(" "),
    state,
    resource: resource.href,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  if (run.push) {
    const ask = () => oauth.pushedAuthorizationRequest(as, client, proof, parameters, options);
    const pushed = await withNonce(ask, (reply) => oauth.processPushedAuthorizationResponse(as, client, reply));
    parameters = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri });
  }
  const url = new URL(as.authorization_endpoint);
  url.search = parameters.toString();
  const back = oauth.validateAuthResponse(as, client, await authorize(url), state);
  const more = { ...options, additionalParameters: { resource: resource.href } };
  const ask = () => oauth.authorizationCodeGrantRequest(as, client, proof, back, REDIRECT_URI, verifier, more);
  return withNonce(ask, (reply) => oauth.processAuthorizationCodeResponse(as, client, reply));
}

async function call(accessToken, options) {
  const { method, headers, body } = probe();
  const ask = () => oauth.protectedResourceRequest(accessToken, method, resource, headers, body, options);
  return withNonce(ask, (reply) => reply.status);
}

async function refuses(accessToken, options) {
  try {
    return (await call(accessToken, options)) === 401;
  } catch (error) {
    return error instanceof oauth.WWWAuthenticateChallengeError && error.status === 401;
  }
}

async function introspect(as, client, proof, token) {
  const reply = await oauth.introspectionRequest(as, client, proof, token, insecure);
  return oauth.processIntrospectionResponse(as, client, reply);
}

async function once(as, run) {
  const keys = await oauth.generateKeyPair("ES256", { extractable: true });
  const body = await registration(run.method, keys);
  const registered = await oauth.processDynamicClientRegistrationResponse(await oauth.dynamicClientRegistrationRequest(as, body, insecure));
  must(registered.token_endpoint_auth_method === run.method, `registered ${registered.token_endpoint_auth_method} instead of ${run.method}`);
  const client = { client_id: registered.client_id };
  const proof = authentication(run.method, registered, keys);
  const options = run.bound ? { ...insecure, DPoP: oauth.DPoP(client, await oauth.generateKeyPair("ES256")) } : insecure;
  const first = await login(as, client, proof, options, run);
  must(first.token_type === (run.bound ? "dpop" : "bearer"), `the token type is ${first.token_type}`);
  must((await call(first.access_token, options)) === 200, "the first token does not open the door");
  if (run.bound) must(await refuses(first.access_token, insecure), "a bound token is good without a proof");
  const ask = () => oauth.refreshTokenGrantRequest(as, client, proof, first.refresh_token, options);
  const second = await withNonce(ask, (reply) => oauth.processRefreshTokenResponse(as, client, reply));
  must((await call(second.access_token, options)) === 200, "the refreshed token does not open the door");
  const introspects = as.introspection_endpoint_auth_methods_supported?.includes(run.method) ?? false;
  if (introspects) must((await introspect(as, client, proof, second.access_token)).active, "a live token is not active");
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, proof, second.refresh_token, insecure));
  must(await refuses(second.access_token, options), "a revoked token still opens the door");
  if (introspects) must(!(await introspect(as, client, proof, second.access_token)).active, "a revoked token is active");
  return { ...run, introspects, rotated: second.refresh_token !== first.refresh_token };
}

await report(async (done) => {
  const described = await oauth.processResourceDiscoveryResponse(resource, await oauth.resourceDiscoveryRequest(resource, insecure));
  const issuer = new URL(described.authorization_servers[0]);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: "oauth2" }));
  for (const run of runs(as)) done.push(await once(as, run));
});
