"""The operator's command line: python -m mcp_service.

Owns: the commands, their options, output and exit status. Does not own: what a command finds out. Commands read the
MCP_* settings of the service; none needs it to run.

Exit status: 0 done; 1 a server cannot be read (`scopes`); 2 wrong usage or wrong settings.
"""
