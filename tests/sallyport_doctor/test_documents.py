"""The generated parts of the documentation equal the output of real runs on model servers.

After an intended change: python -m tests.sallyport_doctor.documents
"""

import re

import pytest

from tests.sallyport_doctor.documents import DOCS, STAGES, block, findings, shown


@pytest.mark.parametrize("stage", STAGES)
async def test_the_migration_page_shows_what_the_doctor_says_at_each_stage(stage, knowledge):
    page = (DOCS / "migrating-from-opaque-tokens.md").read_text(encoding="utf-8")
    assert block(stage).search(page)[2] == await shown(STAGES[stage](), knowledge)


def test_the_list_of_findings_is_the_catalogue(knowledge):
    page = (DOCS / "doctor-findings.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| <a id=.*\|$", page, re.MULTILINE) == findings(knowledge)


def test_the_page_of_the_command_names_every_option():
    page = (DOCS / "doctor.md").read_text(encoding="utf-8")
    cli = (DOCS.parent / "sallyport_doctor" / "cli.py").read_text(encoding="utf-8")
    options = {
        f"--{name.replace('_', '-')}"
        for name in re.findall(r"^    (\w+): Annotated\[\n? *(?:bool|float|int|str)", cli, re.MULTILINE)
    }
    options = {option.replace("--as-", "--") for option in options} - {"--url"}
    assert {o for o in options if f"`{o}" not in page} == set()
    assert len(options) == 12
