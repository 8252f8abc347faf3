"""The closed set of audit events."""

import ast
from pathlib import Path

import auth_service
from auth_service.audit.events import AuditEvent


def test_every_event_is_recorded_somewhere():
    used = {
        node.attr
        for path in Path(auth_service.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "AuditEvent"
    }
    assert [event.name for event in AuditEvent if event.name not in used] == []


def test_names_are_subject_and_action():
    for event in AuditEvent:
        assert event.name.lower() == event.value.replace(".", "_")
        assert event.value.count(".") == 1
