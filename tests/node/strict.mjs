// What the two strict OAuth clients share: the matrix of what a server advertises, keys, the browser, the report.
import { exportJWK } from "./keys.mjs";
import { browse } from "./user_agent.mjs";

export const REDIRECT_URI = "http://127.0.0.1:33419/callback";
const person = { username: process.env.MCP_USERNAME, password: process.env.MCP_PASSWORD };

/** Every way to authenticate and to ask that the metadata advertises: each is done once, with the rest plain. */
export function runs(metadata) {
  const found = [];
  for (const method of metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"]) {
    found.push({ method, push: false, bound: false });
    if (metadata.pushed_authorization_request_endpoint) found.push({ method, push: true, bound: false });
    if (metadata.dpop_signing_alg_values_supported) found.push({ method, push: false, bound: true });
  }
  return found;
}

/** The body of a registration: `none` is for native clients, a key goes along with `private_key_jwt`. */
export async function registration(method, keys) {
  const metadata = {
    client_name: "Strict client under test",
    redirect_uris: [REDIRECT_URI],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: method,
  };
  if (method === "private_key_jwt") metadata.jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "ES256", use: "sig" }] };
  return metadata;
}

/** Go through the pages as a person would, and return the URL that the client is called back at. */
export async function authorize(url) {
  const { params } = await browse(url, { redirectUri: REDIRECT_URI, ...person });
  const back = new URL(REDIRECT_URI);
  back.search = params.toString();
  return back;
}

/** Call `tools/list` as the legacy era does it without a session: whatever the server says to it is not a 401. */
export function probe() {
  const headers = new Headers({ "content-type": "application/json", accept: "application/json, text/event-stream" });
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "strict", version: "1" } };
  return { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params }) };
}

/** Insist on something; what was wrong becomes the message of the report. */
export function must(truth, message) {
  if (!truth) throw new Error(message);
}

/** Run `work` for each run and print one JSON line with what was done, or with the first thing that went wrong. */
export async function report(work) {
  const done = [];
  let line;
  try {
    await work(done);
    line = { ok: true, done };
  } catch (error) {
    line = { ok: false, done, error: error.name, code: error.code, message: `${error.message} ${JSON.stringify(error.cause ?? error.error ?? "")}`, stack: error.stack };
  }
  process.stdout.write(`${JSON.stringify(line)}\n`, () => process.exit(line.ok ? 0 : 1));
}
