"""Bodies, documents, assertions and tokens have one reader; other files read only records that the service wrote."""

import ast

from devstack.service_process import REPOSITORY

OWN_RECORDS = {
    "auth_service/authorization/interaction.py",
    "auth_service/authorization/interaction_repository.py",
    "auth_service/clients/repository.py",
    "auth_service/federation/accounts.py",
    "auth_service/federation/identity.py",
    "auth_service/federation/pending_repository.py",
    "auth_service/grants/record.py",
    "auth_service/keys/repository.py",
    "auth_service/sessions/repository.py",
    "mcp_service/principal/key_file.py",
}
"""Records that the service itself wrote to its store or its own directory, or encrypted with authentication."""

READERS = {
    "loads",
    "load",
    "raw_decode",
    "JSONDecoder",
    "from_json",
    "model_validate_json",
    "validate_json",
    "decode_complete",
}


def reads_json(node):
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="request" | "response" | "answer"), attr="json")):
            return True
        case ast.Attribute(attr=name) if name in READERS:
            return True
        case ast.alias(name=name) if name in READERS:
            return True
    return False


def test_no_other_file_reads_json():
    readers = {
        file.relative_to(REPOSITORY).as_posix()
        for service in ("auth_service", "mcp_service", "shared")
        for file in (REPOSITORY / service).rglob("*.py")
        if any(reads_json(node) for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    }
    assert readers == OWN_RECORDS | {"shared/jose/strict_json.py"}
