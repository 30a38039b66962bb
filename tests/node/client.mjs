// What both client programs share: the command line, the OAuth provider, and the one JSON line they print.
import { parseArgs } from "node:util";
import { browse } from "./user_agent.mjs";

const REDIRECT_URI = "http://127.0.0.1:33418/callback";

/** Read `URL [flags]`. User name and password come from the environment, as they would not belong in a process list. */
export function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      mode: { type: "string", default: "auto" }, // auto, legacy, or a protocol version to pin
      tool: { type: "string" },
      arguments: { type: "string", default: "{}" },
      auth: { type: "string", default: "none" }, // none, dcr, preregistered
      "client-id": { type: "string" },
      "client-secret": { type: "string" },
      "client-auth": { type: "string", default: "client_secret_post" },
      "redirect-uri": { type: "string", default: REDIRECT_URI },
      header: { type: "string", multiple: true, default: [] }, // "Name: value"
      decision: { type: "string", default: "approve" },
      scope: { type: "string" },
      calls: { type: "string", default: "1" },
      dpop: { type: "string" }, // the algorithm of the key that tokens are bound to; only the newer client can
      answer: { type: "string" }, // JSON: the content with which elicitation is accepted
    },
  });
  const headers = Object.fromEntries(values.header.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
  const person = { username: process.env.MCP_USERNAME, password: process.env.MCP_PASSWORD, decision: values.decision };
  return { ...values, url: new URL(positionals[0]), arguments: JSON.parse(values.arguments), headers, person, calls: Number(values.calls) };
}

/** An OAuth client whose browser is `browse`; `seen` tells afterwards what happened. */
export function provider(option) {
  const known = option.auth === "preregistered";
  const confidential = Boolean(option["client-secret"]);
  let client = known ? { client_id: option["client-id"], client_secret: option["client-secret"] } : undefined;
  let tokens;
  let verifier;
  let discovered;
  const seen = { registrations: 0, authorizations: 0, pages: [] };
  const state = crypto.randomUUID();
  return {
    seen,
    answer: undefined,
    get redirectUrl() {
      return option["redirect-uri"];
    },
    get clientMetadata() {
      return {
        client_name: "Foreign client under test",
        redirect_uris: [option["redirect-uri"]],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: confidential ? option["client-auth"] : "none",
        ...(option.scope ? { scope: option.scope } : {}),
      };
    },
    state: () => state,
    clientInformation: () => client,
    saveClientInformation(information) {
      seen.registrations += 1;
      client = information;
    },
    tokens: () => tokens,
    saveTokens(issued) {
      tokens = issued;
    },
    saveCodeVerifier(value) {
      verifier = value;
    },
    codeVerifier: () => verifier,
    saveDiscoveryState(found) {
      discovered = found;
    },
    discoveryState: () => discovered,
    async redirectToAuthorization(url) {
      seen.authorizations += 1;
      seen.resource = url.searchParams.get("resource");
      const { params, pages } = await browse(url, { redirectUri: option["redirect-uri"], ...option.person });
      seen.pages = pages;
      seen.iss = params.get("iss");
      if (params.get("state") !== state) throw new Error(`state came back as ${params.get("state")}`);
      if (params.get("error")) throw new Error(`authorization refused: ${params.get("error")} ${params.get("error_description") ?? ""}`);
      this.answer = params;
    },
    details: () => ({ ...seen, scope: tokens?.scope, token_type: tokens?.token_type, expires_in: tokens?.expires_in, refreshable: Boolean(tokens?.refresh_token), client_id: client?.client_id }),
  };
}

/** Connect; when sent to sign in, finish with the answer and connect anew. `open` makes a client and its transport. */
export async function connect(open, auth, finish) {
  let { client, transport } = open();
  try {
    await client.connect(transport);
  } catch (error) {
    if (!auth?.answer) throw error;
    await finish(transport, auth.answer);
    ({ client, transport } = open());
    await client.connect(transport);
  }
  return { client, transport };
}

/** List and call as asked, and return what the caller prints. */
export async function exercise(client, option) {
  const { tools } = await client.listTools();
  const progress = [];
  let result;
  for (let index = 0; option.tool && index < option.calls; index += 1) {
    result = await client.callTool({ name: option.tool, arguments: option.arguments }, ...callOptions(client, progress));
  }
  return { tools: tools.map((tool) => tool.name), result, progress };
}

function callOptions(client, progress) {
  const onprogress = (update) => progress.push(update.progress);
  return "getProtocolEra" in client ? [{ onprogress }] : [undefined, { onprogress }];
}

/** Run `work`, print its value or its error as one line, and exit with 0 or 1. */
export async function report(work) {
  let line;
  try {
    line = { ok: true, ...(await work()) };
  } catch (error) {
    line = { ok: false, error: error.constructor.name, message: String(error.message), code: error.code, data: error.data };
  }
  process.stdout.write(`${JSON.stringify(line)}\n`, () => process.exit(line.ok ? 0 : 1));
}
