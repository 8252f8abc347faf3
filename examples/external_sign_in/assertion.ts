// Signs the assertion that tells Sallyport which user has signed in. For the user of the backend's session only.
import { SignJWT, importJWK } from "jose";

const jwk = JSON.parse(process.env.SIGN_IN_KEY!); // the private key, as a JWK
const key = await importJWK(jwk, "ES256");

export function signAssertion(userId: string, nonce: string, claims: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({ ...claims, nonce })
    .setProtectedHeader({ alg: "ES256", typ: "sallyport-sign-in+jwt", kid: jwk.kid })
    .setIssuer(process.env.SIGN_IN_ISSUER!) // `issuer` of the entry in AUTH_IDENTITY_PROVIDERS
    .setAudience(process.env.SALLYPORT_ISSUER!) // AUTH_ISSUER
    .setSubject(userId)
    .setIssuedAt()
    .sign(key);
}
