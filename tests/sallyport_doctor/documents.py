"""Generates doctor output for the documentation. Written by `python -m tests.sallyport_doctor.documents`."""

import asyncio
import io
import re
from pathlib import Path

from rich.console import Console

from sallyport_doctor.knowledge.catalogue import load_knowledge
from sallyport_doctor.report.text import print_diagnosis
from tests.sallyport_doctor.faulty_servers.opaque import (
    BehindIntrospection,
    KeysWithoutSignedTokens,
    OpaqueServer,
    SignedTokens,
)
from tests.sallyport_doctor.publishing import NAME, Publisher
from tests.sallyport_doctor.user import sign_in_by_forms

DOCS = Path(__file__).parents[2] / "docs"
STAGES = {
    "before": OpaqueServer,
    "introspection": BehindIntrospection,
    "half way": KeysWithoutSignedTokens,
    "after": SignedTokens,
}


async def shown(model, knowledge):
    """The text report of `--login` for a model published at https://mcp.example/mcp."""
    publisher = Publisher(knowledge)
    await publisher.publish(model)
    tls, place = publisher.authority.client_context(), f"{NAME}:{model.port}"
    try:
        diagnosis = await publisher.examine(
            model, user=lambda url: sign_in_by_forms(url, loopback=True, tls=tls), options={"login": True}
        )
    finally:
        await publisher.close()
    out = io.StringIO()
    print_diagnosis(Console(file=out, width=100, highlight=False), diagnosis)
    lines = out.getvalue().replace(place, NAME).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip()


def block(stage):
    """The pattern of one stage's block in the migration guide."""
    return re.compile(rf"(<!-- doctor: {stage} -->\n\n```text\n)(.*?)(\n```)", re.DOTALL)


def findings(knowledge):
    """The rows of the table of findings."""
    return [
        f'| <a id="{e.id}"></a>`{e.id}` | {e.severity.value} | {e.title} | {", ".join(map(interop_link, e.interop))} |'
        for e in knowledge.catalogue.values()
    ]


def interop_link(row):
    return f"[{row}](interop.md#{row.lower()})"


async def write():
    """Update the generated parts of the pages."""
    knowledge = load_knowledge()
    page = DOCS / "migrating-from-opaque-tokens.md"
    text = page.read_text(encoding="utf-8")
    for stage, model in STAGES.items():
        output = await shown(model(), knowledge)
        text = block(stage).sub(lambda m, output=output: m[1] + output + m[3], text)
    page.write_text(text, encoding="utf-8")
    page = DOCS / "doctor-findings.md"
    head = page.read_text(encoding="utf-8").partition("| --- | --- | --- | --- |\n")
    page.write_text(head[0] + head[1] + "\n".join(findings(knowledge)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(write())
