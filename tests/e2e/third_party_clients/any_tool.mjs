// The official TypeScript SDK's client with any server. The fourth argument is JSON: a tool with its arguments, one that
// needs a further scope, one that counts, and one that asks the user, with what the user enters.
import { done, tell } from "./conversation.mjs";
import { connect, finish, kept, version } from "./sdk_connection.mjs";

const { tool, restricted, counts, asks, entered } = JSON.parse(process.argv[5]);
const elicitation = { capabilities: { elicitation: {} } };

async function answerQuestions(client) {
  const answer = async () => ({ action: "accept", content: entered });
  if (version === "1") {
    const { ElicitRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
    client.setRequestHandler(ElicitRequestSchema, answer);
  } else {
    client.setRequestHandler("elicitation/create", answer);
  }
}

async function use(action) {
  const { client, transport } = await connect(asks ? { ...elicitation, prepare: answerQuestions } : {});
  try {
    return await action(client);
  } catch (error) {
    if (!/unauthorized/i.test(error.constructor.name)) throw error;
    await finish(transport);
    return await use(action);
  } finally {
    if (version === "1") await transport.terminateSession();
    await client.close();
  }
}

async function call(client, [name, args], options) {
  const call = { name, arguments: args };
  const result = await (version === "1" ? client.callTool(call, undefined, options) : client.callTool(call, options));
  return { error: result.isError ?? false, text: result.content.map((part) => part.text).join("") };
}

const { tools } = await use((client) => client.listTools());
tell({ step: "listed", tools: tools.map(({ name }) => name) });
tell({ step: "called", ...(await use((client) => call(client, tool))) });
// Version 1 answers the challenge with a refresh and gives up (docs/interop.md F31).
if (version === "2") {
  tell({ step: "stepped up", ...(await use((client) => call(client, restricted))), scope: kept.tokens.scope });
}
if (counts) {
  const heard = [];
  const onprogress = ({ progress }) => heard.push(progress);
  tell({ step: "counted", ...(await use((client) => call(client, counts, { onprogress }))), heard });
}
if (asks) tell({ step: "asked", ...(await use((client) => call(client, asks))) });
tell({ step: "done" });
done();
