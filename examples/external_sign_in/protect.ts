// Protects the MCP endpoint of an Express app: metadata that name Sallyport, and 401 without a valid token.
import { requireBearerAuth } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import { getOAuthProtectedResourceMetadataUrl, mcpAuthMetadataRouter } from "@modelcontextprotocol/sdk/server/auth/router.js";
import type { Express } from "express";
import { verifyAccessToken } from "./verify_token.ts";

export async function protect(app: Express, scopes: string[]): Promise<void> {
  const resourceServerUrl = new URL(process.env.MCP_RESOURCE!);
  const answer = await fetch(`${process.env.SALLYPORT_ISSUER}/.well-known/oauth-authorization-server`);
  app.use(mcpAuthMetadataRouter({ oauthMetadata: await answer.json(), resourceServerUrl, scopesSupported: scopes }));
  app.use(
    resourceServerUrl.pathname,
    requireBearerAuth({
      verifier: { verifyAccessToken },
      requiredScopes: scopes,
      resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resourceServerUrl),
    }),
  );
}
