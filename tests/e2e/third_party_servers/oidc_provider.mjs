// oidc-provider for public clients, with signed tokens for one resource. Arguments: the port, and the resource.
import Provider, { errors } from 'oidc-provider';

const [port, resource] = process.argv.slice(2);
const resourceServer = {
  scope: 'notes:read',
  audience: resource,
  accessTokenFormat: 'jwt',
  accessTokenTTL: 3600,
  jwt: { sign: { alg: 'RS256' } },
};
const provider = new Provider(`http://localhost:${port}`, {
  features: {
    registration: { enabled: true },
    registrationManagement: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: (_context, asked) => {
        if (asked !== resource) throw new errors.InvalidTarget();
        return resourceServer;
      },
    },
  },
  scopes: ['openid', 'offline_access', 'notes:read'],
  clientDefaults: { grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] },
  responseTypes: ['code'],
  cookies: { keys: ['insecure-and-for-tests-only'] },
  pkce: { required: () => true },
  issueRefreshToken: async () => true,
});
provider.listen(Number(port), '127.0.0.1');
