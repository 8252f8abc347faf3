"""The tool behind mcp_service: `MCP_SERVER` names this server, `MCP_SCOPES` these scopes."""

from mcp.server import MCPServer

from tests.benchmarks.same_tool.forecast import forecast

server = MCPServer("forecast")
server.tool()(forecast)

scopes = {"scopes": {"weather:read": "Read forecasts"}, "default": "weather:read"}
