"""Minting of access tokens (at+jwt) and of opaque secrets; what is stored of them is only a hash."""
