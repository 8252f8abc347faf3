"""The operator's commands of mcp_service that have options of their own; `__main__.py` registers them.

Owns: options, output and exit statuses. Does not own: what a command finds out.
"""
