// The TypeScript client of both eras: connect, sign in if asked, list the tools, call one, print one line.
import { Client, DpopSession, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { connect, exercise, options, provider, report } from "./client.mjs";

await report(async () => {
  const option = options();
  const mode = ["auto", "legacy"].includes(option.mode) ? option.mode : { pin: option.mode };
  const auth = option.auth === "none" ? undefined : provider(option);
  if (auth && option.dpop) {
    const possession = await DpopSession.create({ alg: option.dpop });
    auth.dpop = () => possession;
  }
  const open = () => {
    const capabilities = option.answer ? { elicitation: { form: {} } } : {};
    const client = new Client({ name: "typescript-v2", version: "1.0.0" }, { capabilities, versionNegotiation: { mode } });
    if (option.answer) {
      client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: JSON.parse(option.answer) }));
    }
    const transport = new StreamableHTTPClientTransport(option.url, { authProvider: auth, requestInit: { headers: option.headers } });
    return { client, transport };
  };
  const { client, transport } = await connect(open, auth, (transport, answer) => transport.finishAuth(answer));
  const done = await exercise(client, option);
  const facts = { era: client.getProtocolEra(), protocol_version: client.getNegotiatedProtocolVersion(), mcp_session: Boolean(transport.sessionId), server: client.getServerVersion() };
  if (transport.sessionId) await transport.terminateSession();
  await client.close();
  return { ...facts, ...done, oauth: auth?.details() };
});
