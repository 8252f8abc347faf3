// The official TypeScript SDK's client with the notes example.
import { done, tell } from "./conversation.mjs";
import { connect, finish, kept } from "./sdk_connection.mjs";

async function call(name, args) {
  const { client, transport } = await connect();
  try {
    return await client.callTool({ name, arguments: args });
  } catch (error) {
    if (!/unauthorized/i.test(error.constructor.name)) throw error;
    await finish(transport);
    return await call(name, args);
  } finally {
    await client.close();
  }
}

const listed = await call("list_notes", {});
tell({ step: "listed", error: listed.isError ?? false, scope: kept.tokens.scope });
const added = await call("add_note", { text: "from TypeScript" });
tell({ step: "added", error: added.isError ?? false, scope: kept.tokens.scope });
const before = kept.tokens.access_token;
kept.tokens = { ...kept.tokens, access_token: "expired" };
const refreshed = await call("list_notes", {});
tell({ step: "refreshed", error: refreshed.isError ?? false, renewed: kept.tokens.access_token !== before });
tell({ step: "done", registrations: kept.registrations });
done();
