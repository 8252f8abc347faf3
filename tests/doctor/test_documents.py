"""What the pages show is what the doctor says: real runs on models, compared word for word."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from shared.doctor.report.people import print_diagnosis
from tests.doctor.person import sign_in_by_forms
from tests.doctor.stage import NAME, Stage
from tests.doctor.zoo.opaque import BehindIntrospection, KeysWithoutSignedTokens, OpaqueServer, SignedTokens

DOCS = Path(__file__).parents[2] / "docs"
STAGES = {
    "before": OpaqueServer,
    "introspection": BehindIntrospection,
    "half way": KeysWithoutSignedTokens,
    "after": SignedTokens,
}


async def shown(model):
    """What `--login` prints for a model that is published at https://mcp.example/mcp."""
    stage = Stage()
    await stage.publish(model)
    tls, place = stage.authority.client_context(), f"{NAME}:{model.port}"
    try:
        diagnosis = await stage.visit(
            model, person=lambda url: sign_in_by_forms(url, dial=NAME, tls=tls), wanted={"login": True}
        )
    finally:
        await stage.close()
    out = io.StringIO()
    print_diagnosis(Console(file=out, width=100, highlight=False), diagnosis)
    lines = out.getvalue().replace(place, NAME).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip()


@pytest.mark.parametrize("stage", STAGES)
async def test_the_migration_page_shows_what_the_doctor_says_at_each_stage(stage):
    page = (DOCS / "migrating-from-opaque-tokens.md").read_text(encoding="utf-8")
    block = re.search(rf"<!-- doctor: {stage} -->\n\n```text\n(.*?)\n```", page, re.DOTALL)
    assert block is not None
    assert block[1] == await shown(STAGES[stage]())


def test_the_list_of_findings_is_the_catalogue(catalogue):
    page = (DOCS / "doctor-findings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (\w+) \| (.*) \|$", page, re.MULTILINE)
    assert rows == [(e.id, e.severity.value, e.title) for e in catalogue.values()]


def test_the_page_of_the_command_names_every_option():
    page = (DOCS / "doctor.md").read_text(encoding="utf-8")
    cli = (DOCS.parent / "shared" / "doctor" / "cli.py").read_text(encoding="utf-8")
    options = {
        f"--{name.replace('_', '-')}"
        for name in re.findall(r"^    (\w+): Annotated\[\n? *(?:bool|float|str)", cli, re.MULTILINE)
    }
    options = {{"--as-json": "--json", "--as-sarif": "--sarif"}.get(o, o) for o in options} - {"--url"}
    assert {o for o in options if f"`{o}" not in page} == set()
    assert len(options) == 9
