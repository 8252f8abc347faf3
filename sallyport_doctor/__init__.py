"""Diagnoses an MCP server from outside: which real clients fail or are limited there, why, and how to fix it.

Owns: the probes (requests), the rules, the knowledge base of clients and findings (data files), the reports.
Does not own: any part of auth_service, mcp_service or shared; it imports none of them and works with any MCP server.
It stores no credential, and registers or signs in only when told to.

Data flow: probes and the sign-in send requests and fill one frozen `Evidence`; rules, pure functions that import no
module that sends, turn it into findings; the client table turns findings into a verdict per client; a report writes
them. The layers are those of the contract in the repository's pyproject.toml.
"""
