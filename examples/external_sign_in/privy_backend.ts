// POST {"nonce", "signedInAnew"} with a Privy access token as bearer token; the answer is {"assertion"}.
// A handler of the fetch API: a route of Next.js (app/api/mcp-sign-in/route.ts), Hono, Deno or Bun as it is.
import { createRemoteJWKSet, jwtVerify } from "jose";
import { signAssertion } from "./assertion.ts";

const appId = process.env.PRIVY_APP_ID!;
const keys = createRemoteJWKSet(
  new URL(process.env.PRIVY_JWKS_URL ?? `https://auth.privy.io/api/v1/apps/${appId}/jwks.json`),
);

export async function POST(request: Request): Promise<Response> {
  const token = request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "";
  const { nonce, signedInAnew } = await request.json();
  if (typeof nonce !== "string") return Response.json({ error: "no nonce" }, { status: 400 });
  let user;
  try {
    // The issuer is this word, not a URL; without `audience` a token of any other Privy app would do.
    user = (await jwtVerify(token, keys, { issuer: "privy.io", audience: appId, algorithms: ["ES256"] })).payload;
  } catch {
    return Response.json({ error: "not signed in" }, { status: 401 });
  }
  const claims = {
    privy_did: user.sub, // so that tools find the data that they keep under it
    // A token that was refreshed silently says nothing of when the user signed in; the page knows.
    ...(signedInAnew === true && { auth_time: user.iat }),
  };
  return Response.json({ assertion: await signAssertion(user.sub!, nonce, claims) });
}
