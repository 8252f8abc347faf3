"""Makes what the pages show. `python -m tests.doctor.documents` writes it into them; a test compares the two."""

import asyncio
import io
import re
from pathlib import Path

from rich.console import Console

from sallyport_doctor.knowledge.load import load_knowledge
from sallyport_doctor.report.people import print_diagnosis
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


async def shown(model, knowledge):
    """What `--login` prints for a model that is published at https://mcp.example/mcp."""
    stage = Stage(knowledge)
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


def block(stage):
    """The pattern of one stage's place in the migration page."""
    return re.compile(rf"(<!-- doctor: {stage} -->\n\n```text\n)(.*?)(\n```)", re.DOTALL)


def findings(knowledge):
    """The rows of the list of findings."""
    return [f"| `{e.id}` | {e.severity.value} | {e.title} |" for e in knowledge.catalogue.values()]


async def write():
    """Bring the pages up to date."""
    knowledge = load_knowledge()
    page = DOCS / "migrating-from-opaque-tokens.md"
    text = page.read_text(encoding="utf-8")
    for stage, model in STAGES.items():
        said = await shown(model(), knowledge)
        text = block(stage).sub(lambda m, said=said: m[1] + said + m[3], text)
    page.write_text(text, encoding="utf-8")
    page = DOCS / "doctor-findings.md"
    head = page.read_text(encoding="utf-8").partition("| --- | --- | --- |\n")
    page.write_text(head[0] + head[1] + "\n".join(findings(knowledge)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(write())
