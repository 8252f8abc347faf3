"""The report of tools that no map names is bounded, whatever a server lists."""

import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from mcp_service.guard.operation import ScopeRules
from mcp_service.guard.scope_map import ScopeMap
from mcp_service.servers.list_policy import MAX_LOGGED, MAX_NAMES, UndeclaredTools

RULES = ScopeRules(
    ScopeMap.model_validate({"scopes": {"a": "A"}, "default": "a", "tools": {"*": "a", "known": "a", "known_*": "a"}})
)


def test_a_server_that_makes_names_up_fills_neither_memory_nor_log():
    registry = CollectorRegistry()
    with capture_logs() as entries:
        tools = UndeclaredTools(RULES, registry, structlog.get_logger())
        for start in range(0, 5000, 100):
            tools.see([f"tool-{start + n}" + "x" * 500 for n in range(100)])
    assert len(entries) == MAX_LOGGED
    assert max(len(entry["tool"]) for entry in entries) == 100
    assert registry.get_sample_value("sallyport_undeclared_tools") == MAX_NAMES


def test_a_bare_star_names_no_tool():
    registry = CollectorRegistry()
    with capture_logs() as entries:
        UndeclaredTools(RULES, registry, structlog.get_logger()).see(["known", "known_too", "new"])
    assert [entry["tool"] for entry in entries] == ["new"]
