// oidc-provider that issues RS256 access tokens for one resource to a public client, with everything in memory.
// Arguments: the port, the resource, the number of grants. Prints the refresh tokens of the grants, as JSON, once it
// listens.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, resource, grants] = process.argv.slice(2);
const scope = 'notes:read notes:write';
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const client = {
  client_id: 'bench',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: ['http://127.0.0.1/callback'],
  response_types: ['code'],
  application_type: 'native',
};
const provider = new Provider(`http://localhost:${port}`, {
  clients: [client],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'bench', use: 'sig', alg: 'RS256' }] },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope,
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 3600,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  interactions: { url: () => '/' },
  scopes: ['offline_access', 'notes:read', 'notes:write'],
  cookies: { keys: ['insecure-and-for-benchmarks-only'] },
  rotateRefreshToken: true,
});
const tokens = [];
for (let number = 0; number < Number(grants); number += 1) {
  const about = { accountId: `user-${number}`, clientId: client.client_id };
  const grant = new provider.Grant(about);
  grant.addResourceScope(resource, scope);
  const grantId = await grant.save();
  const found = await provider.Client.find(client.client_id);
  const token = new provider.RefreshToken({
    ...about,
    client: found,
    grantId,
    gty: 'authorization_code',
    authTime: Math.floor(Date.now() / 1000),
    resource,
    scope: `offline_access ${scope}`,
    rotations: 0,
    iiat: Math.floor(Date.now() / 1000),
  });
  tokens.push(await token.save());
}
const server = provider.listen(Number(port), '127.0.0.1', () => console.log(JSON.stringify(tokens)));
server.keepAliveTimeout = 60_000; // connections rest while the other side has its turn
