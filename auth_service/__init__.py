"""The authorization server: asks the user for consent and issues signed tokens, which others verify offline.

Owns: users, clients, grants, signing keys, pages. One package per concern; each has a `wiring.py` that builds its
components, and app.py mounts, starts and stops them. pyproject.toml has the layers of the packages.
Does not own: the protected MCP servers; it never receives a tool call.
"""
