"""The SDK tells of every request at INFO; the envelope does already. Whether the names still match is seen here."""

import subprocess
import sys

PROGRAM = """
import logging
from shared.http.logs import configure_logs
configure_logs(level="info", log_format="json")
import mcp_service.app
names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in {"mcp", "sse_starlette"}]
assert "mcp.server.streamable_http" in names, names
print([name for name in names if name.startswith("mcp") and logging.getLogger(name).isEnabledFor(logging.INFO)])
"""


def test_the_loggers_of_the_sdk_are_quiet_at_info():
    outcome = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert outcome.stdout.strip() == "[]"
