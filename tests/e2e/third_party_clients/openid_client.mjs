// openid-client, certified by the OpenID Foundation: discovery, registration, code flow, ID token, UserInfo,
// refresh, introspection and revocation.
import * as client from "openid-client";

import { done, tell, visit } from "./conversation.mjs";

const [issuer, resource] = process.argv.slice(2);
const redirectUri = "https://client.example/callback";
const insecure = { execute: [client.allowInsecureRequests] };

const config = await client.dynamicClientRegistration(
  new URL(issuer),
  { redirect_uris: [redirectUri], client_name: "openid-client", token_endpoint_auth_method: "client_secret_basic" },
  undefined,
  insecure,
);
const metadata = config.serverMetadata();
tell({ step: "registered", issuer: metadata.issuer, s256: metadata.supportsPKCE() });

const verifier = client.randomPKCECodeVerifier();
const nonce = client.randomNonce();
const state = client.randomState();
const landed = await visit(
  client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: "openid profile email notes:read",
    resource,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    nonce,
    state,
  }),
);
const tokens = await client.authorizationCodeGrant(
  config,
  landed,
  { pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state, idTokenExpected: true },
  { resource },
);
const claims = tokens.claims();
const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
tell({ step: "signed in", audience: claims.aud === config.clientMetadata().client_id, same: user.sub === claims.sub });

const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, { resource });
tell({ step: "refreshed", rotated: renewed.refresh_token !== tokens.refresh_token });
const active = await client.tokenIntrospection(config, renewed.access_token);
tell({ step: "introspected", active: active.active });
await client.tokenRevocation(config, renewed.refresh_token);
let refused = "";
try {
  await client.refreshTokenGrant(config, renewed.refresh_token);
} catch (error) {
  refused = error.error;
}
tell({ step: "revoked", refused });
done();
