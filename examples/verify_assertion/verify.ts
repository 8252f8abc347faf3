// Verifies the header Sallyport-Assertion in TypeScript.
import { createHash } from "node:crypto";
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from "jose";

const leeway = 5;

// `resource` is MCP_RESOURCE of Sallyport, `audience` its MCP_UPSTREAM or MCP_UPSTREAM_AUDIENCE.
export function assertionVerifier(resource: string, audience: string) {
  const keys = createRemoteJWKSet(new URL(`${resource}/jwks.json`), { cacheMaxAge: 300_000 });
  const used = new Map<string, number>(); // of this process; several share it: in Redis, `SET jti 1 NX EX 65`

  // `path` is as it arrived, with its query (request.url). Rejects with a JOSEError: answer 401.
  return async (assertion: string, method: string, path: string, body: Uint8Array): Promise<JWTPayload> => {
    const { payload } = await jwtVerify(assertion, keys, {
      issuer: resource,
      audience,
      typ: "sallyport-assertion+jwt",
      algorithms: ["ES256"],
      clockTolerance: leeway,
      requiredClaims: ["exp", "iat", "jti", "sub"],
    });
    const digest = createHash("sha256").update(body).digest("base64url");
    if (payload.htm !== method || payload.path !== path || payload.body_sha256 !== digest) {
      throw new errors.JWTInvalid("made for another request");
    }
    use(payload.jti!, payload.exp! + leeway);
    return payload;
  };

  function use(jti: string, until: number): void {
    for (const [old, ends] of used) {
      if (ends >= Date.now() / 1000) break;
      used.delete(old);
    }
    if (used.has(jti)) throw new errors.JWTInvalid("used before");
    used.set(jti, until);
  }
}
