// The official TypeScript SDK's server, version 2, as its documentation sets it up: both wires, without sessions.
// Argument: the port.
import { createServer } from "node:http";
import { localhostHostValidation, localhostOriginValidation, toNodeHandler } from "@modelcontextprotocol/node";
import { acceptedContent, createMcpHandler, fromJsonSchema, inputRequired, McpServer } from "@modelcontextprotocol/server";

const NOTE = "note://first";
const name = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };

function buildServer() {
  const server = new McpServer(
    { name: "typescript", version: "1.0.0" },
    { capabilities: { resources: { subscribe: true, listChanged: true } } },
  );
  const text = (words) => ({ content: [{ type: "text", text: words }] });
  server.registerTool("greet", { inputSchema: fromJsonSchema(name) }, async (given) => text(`Hello, ${given.name}!`));
  server.registerTool("count", {}, async (ctx) => {
    const { progressToken } = ctx.mcpReq._meta ?? {};
    for (let progress = 1; progress <= 3; progress += 1) {
      await ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: 3 } });
    }
    return text("Counted.");
  });
  server.registerTool("ask", {}, async (ctx) => {
    const answer = acceptedContent(ctx.mcpReq.inputResponses, "who");
    if (answer) return text(`Hello, ${answer.name}!`);
    const question = inputRequired.elicit({ message: "What is your name?", requestedSchema: name });
    return inputRequired({ inputRequests: { who: question } });
  });
  server.registerTool("archive", {}, async () => text("Archived."));
  server.registerTool("change", {}, async () => {
    handler.notify.resourceUpdated(NOTE);
    return text("Changed.");
  });
  server.registerResource("first", NOTE, {}, async (uri) => ({ contents: [{ uri: uri.href, text: "A note." }] }));
  return server;
}

const handler = createMcpHandler(buildServer);
const [validHost, validOrigin, serve] = [localhostHostValidation(), localhostOriginValidation(), toNodeHandler(handler)];
createServer((request, response) => {
  if (validHost(request, response) && validOrigin(request, response)) serve(request, response);
}).listen(Number(process.argv[2]), "127.0.0.1");
