// A connection of the official TypeScript SDK's client: version 1 (package sdk) or version 2 (package client), in
// either wire. The user signs in when the server demands it. Arguments: the resource, the version, the wire.
import { visit } from "./conversation.mjs";

export const [resource, version, wire] = process.argv.slice(2);
const { Client } = await import(version === "1" ? "@modelcontextprotocol/sdk/client/index.js" : "@modelcontextprotocol/client");
const { StreamableHTTPClientTransport } = await import(
  version === "1" ? "@modelcontextprotocol/sdk/client/streamableHttp.js" : "@modelcontextprotocol/client"
);

export const kept = { registrations: 0 };
const provider = {
  redirectUrl: "http://127.0.0.1:41999/callback",
  clientMetadata: {
    client_name: `TypeScript SDK ${version}`,
    redirect_uris: ["http://127.0.0.1:41999/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  },
  state: () => "the-state",
  clientInformation: () => kept.client,
  saveClientInformation: (client) => {
    kept.client = client;
    kept.registrations += 1;
  },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => {
    kept.tokens = tokens;
  },
  saveCodeVerifier: (verifier) => {
    kept.verifier = verifier;
  },
  codeVerifier: () => kept.verifier,
  redirectToAuthorization: async (url) => {
    kept.landed = await visit(url);
  },
};

export async function finish(transport) {
  const answer = kept.landed.searchParams;
  if (answer.get("state") !== "the-state") throw new Error("another state came back");
  await (version === "1" ? transport.finishAuth(answer.get("code")) : transport.finishAuth(answer));
}

export async function connect({ capabilities = {}, prepare = () => {} } = {}) {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const options = version === "1" || wire === "legacy" ? {} : { versionNegotiation: { mode: { pin: wire } } };
    const client = new Client({ name: "sdk", version }, { capabilities, ...options });
    await prepare(client);
    const transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider: provider });
    try {
      await client.connect(transport);
      return { client, transport };
    } catch (error) {
      if (attempt > 0 || !kept.landed) throw error;
      await finish(transport);
    }
  }
}
