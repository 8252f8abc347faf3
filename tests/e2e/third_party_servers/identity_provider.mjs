// oidc-provider that signs users in for a web application. Arguments: the port, the redirect URI, the client secret.
// Each start makes other keys. Accounts, grants and sessions are in memory; any login and password are accepted.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, redirectUri, secret] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: 'sallyport', client_secret: secret, redirect_uris: [redirectUri] }],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' }] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: `The user ${id}` }),
  }),
  features: { devInteractions: { enabled: true } },
  cookies: { keys: ['insecure-and-for-tests-only'] },
  pkce: { required: () => true },
});
provider.listen(Number(port), '127.0.0.1');
