"""GitHub: OAuth 2 without ID tokens; the identity comes from its user API."""
