// Verifies an access token of Sallyport in an MCP server in TypeScript, offline (RFC 9068).
import { InvalidTokenError } from "@modelcontextprotocol/sdk/server/auth/errors.js";
import type { AuthInfo } from "@modelcontextprotocol/sdk/server/auth/types.js";
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from "jose";

const issuer = process.env.SALLYPORT_ISSUER!;
const resource = process.env.MCP_RESOURCE!; // the public URL of the MCP endpoint, byte for byte
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));

// Of the JWKS, not of the token: a client that got 401 for them would throw a good token away.
const faults = new Set(["ERR_JOSE_GENERIC", "ERR_JWKS_INVALID", "ERR_JWKS_TIMEOUT"]);

export async function verifyAccessToken(token: string): Promise<AuthInfo> {
  const claims = await verifiedClaims(token);
  return {
    token,
    clientId: String(claims.client_id),
    scopes: String(claims.scope ?? "").split(" ").filter(Boolean),
    expiresAt: claims.exp,
    extra: { sub: claims.sub, ...(claims.privy_did !== undefined && { privy_did: claims.privy_did }) },
  };
}

async function verifiedClaims(token: string): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience: resource,
      typ: "at+jwt",
      algorithms: ["ES256", "RS256", "EdDSA"],
      requiredClaims: ["sub", "client_id", "exp", "iat", "jti"],
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JOSEError && !faults.has(error.code)) throw new InvalidTokenError("The token is not valid.");
    throw error;
  }
}
