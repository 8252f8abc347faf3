"""The authorization server: asks the user for consent and issues signed tokens, which others verify offline.

Owns: users and their sign-in, clients, grants, signing keys, status lists, pages. One package per concern. wiring.py
builds the components, with the wiring.py of each package that has one; app.py mounts, starts and stops them.
pyproject.toml has the layers of the packages.
Does not own: the protected MCP servers; it never receives a tool call.
"""
