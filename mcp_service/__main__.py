"""Run the command line: python -m mcp_service."""

from mcp_service.commands.app import app

if __name__ == "__main__":
    app(prog_name="python -m mcp_service")
