"""The SDK logs every request at INFO, as the middleware does already, and would add a handler of its own."""

import json
import subprocess
import sys

START = """
import logging
from shared.logs.configuration import configure_command_logs
configure_command_logs(level="info", log_format="json")
"""
LEVELS = """
import mcp_service.app
names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in {"mcp", "sse_starlette"}]
assert "mcp.server.streamable_http" in names, names
print([name for name in names if name.startswith("mcp") and logging.getLogger(name).isEnabledFor(logging.INFO)])
"""
HANDLERS = """
from mcp.server import MCPServer
MCPServer("a server")
print([type(handler).__name__ for handler in logging.root.handlers])
logging.getLogger("mcp.server").warning("of the SDK")
"""


def run(program):
    return subprocess.run([sys.executable, "-c", START + program], capture_output=True, text=True, check=True)


def test_the_loggers_of_the_sdk_are_quiet_at_info():
    assert run(LEVELS).stdout.strip() == "[]"


def test_what_the_sdk_logs_is_written_as_everything_else():
    outcome = run(HANDLERS)
    assert outcome.stdout.strip() == "['StreamHandler']"
    line = json.loads(outcome.stderr)
    assert (line["event"], line["logger"], line["level"]) == ("of the SDK", "mcp.server", "warning")
