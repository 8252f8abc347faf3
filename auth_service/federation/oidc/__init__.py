"""OpenID Connect providers: discovery, the code flow with PKCE and nonce, and the ID token in full."""
