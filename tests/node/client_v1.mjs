// The TypeScript SDK of the handshake era: connect, sign in if asked, list the tools, call one, print one line.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { connect, exercise, options, provider, report } from "./client.mjs";

await report(async () => {
  const option = options();
  const auth = option.auth === "none" ? undefined : provider(option);
  const open = () => {
    const client = new Client({ name: "typescript-v1", version: "1.0.0" }, { capabilities: option.answer ? { elicitation: {} } : {} });
    if (option.answer) {
      client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: JSON.parse(option.answer) }));
    }
    const transport = new StreamableHTTPClientTransport(option.url, { authProvider: auth, requestInit: { headers: option.headers } });
    return { client, transport };
  };
  const { client, transport } = await connect(open, auth, (transport, answer) => transport.finishAuth(answer.get("code")));
  const done = await exercise(client, option);
  const facts = { era: "legacy", protocol_version: transport.protocolVersion, mcp_session: Boolean(transport.sessionId), server: client.getServerVersion() };
  if (transport.sessionId) await transport.terminateSession();
  await client.close();
  return { ...facts, ...done, oauth: auth?.details() };
});
