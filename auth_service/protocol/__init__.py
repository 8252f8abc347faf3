"""Pure rules without I/O: PKCE, redirect URIs, client metadata, client authentication, scopes and resources, forms."""
