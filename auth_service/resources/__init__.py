"""The protected resources that tokens are issued for, and their scopes (RFC 8707)."""
