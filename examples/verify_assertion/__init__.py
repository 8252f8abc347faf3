"""Verification of who calls, in an MCP server behind Sallyport: docs/who-calls.md."""
