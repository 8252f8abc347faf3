"""Issuing of access tokens and ID tokens: their claims. keys/ signs them; grants/ owns refresh tokens and codes."""
