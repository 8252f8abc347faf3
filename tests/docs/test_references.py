"""References resolve: links between documents, the ids by which comments and data cite one, and names of files."""

import ast
import re
import tokenize
from pathlib import Path

import pytest

from devstack.service_process import REPOSITORY
from sallyport_doctor.knowledge.catalogue import load_catalogue

DOCUMENTS = sorted(
    [*REPOSITORY.glob("*.md"), *(file for folder in ("docs", "deploy") for file in (REPOSITORY / folder).rglob("*.md"))]
)
SOURCES = sorted(
    file
    for folder in ("auth_service", "mcp_service", "shared", "sallyport_doctor", "devstack", "deploy", "tests")
    for file in (REPOSITORY / folder).rglob("*.*")
    if file.suffix in {".py", ".lua", ".toml", ".yaml", ".md"}
    and file != Path(__file__)
    and not {"build", "node_modules"} & set(file.parts)
)
IDS = r"([A-Z]\d+(?:(?:,|\s+and|\s+to)\s+[A-Z]\d+)*)"
CITED = {
    name: re.compile(rf"(?i:{name}\.md)(?:\s+(?:(?:#|--)\s+)?{IDS}|#([a-z]\d+))") for name in ("interop", "divergences")
}
"""As in "interop.md A5 and F8", over the end of a line too, or "docs/interop.md#a5"."""

FOREIGN = {"clients.toml", "test_retired_identifiers.py"}
"""They cite documents of client vendors, and names of documents that were renamed."""
DOCUMENT_NAME = re.compile(r"[\w./-]*?\b([\w-]+\.md)\b")

CODE = sorted(
    file
    for folder in ("auth_service", "mcp_service", "shared", "sallyport_doctor", "devstack", "examples", "tests")
    for file in (REPOSITORY / folder).rglob("*.*")
    if file.suffix in {".py", ".lua"}
)
CODE_NAME = re.compile(r"[\w./-]*\b[\w-]+\.(?:py|lua)\b")
OF_OPERATORS = {"weather.py", "forecasts.py", "file.py", "mcp.py"}
"""Names that stand for the file of a server behind the guard."""
FORMER = {"CHANGELOG.md", "glossary.md"}
"""They name files that are gone."""


def text_of(file):
    return file.read_text(encoding="utf-8")


def named(file):
    return str(file.relative_to(REPOSITORY))


def prose_of(file):
    """The comments and docstrings of a module or script; a document whole."""
    text = text_of(file)
    if file.suffix == ".lua":
        return re.findall(r"--(.*)$", text, re.MULTILINE)
    if file.suffix != ".py":
        return [text]
    if not CODE_NAME.search(text):
        return []
    with tokenize.open(file) as source:
        comments = [t.string for t in tokenize.generate_tokens(source.readline) if t.type == tokenize.COMMENT]
    alone = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr)]
    return [*comments, *(str(node.value) for node in alone if isinstance(node, ast.Constant))]


def anchors_of(document):
    text = text_of(document)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"></a>', text))


def ids_of(document):
    anchors = anchors_of(REPOSITORY / "docs" / f"{document}.md")
    return {anchor.upper() for anchor in anchors if re.fullmatch(r"[a-z]\d+", anchor)}


def rows_in(groups):
    """The ids in what a pattern has found."""
    return {row.upper() for found in groups for text in found for row in re.findall(r"[A-Za-z]\d+", text)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_to_a_file_leads_somewhere(document):
    text = re.sub(r"```.*?```", "", text_of(document), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in anchors_of(file), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", sorted(CITED))
def test_every_row_that_is_cited_exists(document):
    cited = {
        (named(file), row) for file in [*SOURCES, *DOCUMENTS] for row in rows_in(CITED[document].findall(text_of(file)))
    }
    assert cited
    assert {(file, row) for file, row in cited if row not in ids_of(document)} == set()


def test_every_row_that_a_finding_of_the_doctor_cites_exists():
    cited = {row for entry in load_catalogue().values() for row in entry.interop}
    assert cited
    assert cited <= ids_of("interop")


@pytest.mark.parametrize("document", sorted(CITED))
def test_a_row_has_one_place_and_its_anchor_is_its_id(document):
    rows = re.findall(r'<a id="([a-z]\d+)"></a>(\S+)', text_of(REPOSITORY / "docs" / f"{document}.md"))
    assert rows
    assert [(anchor, shown) for anchor, shown in rows if anchor != shown.lower()] == []
    assert len(rows) == len(set(rows))


def test_every_decision_that_is_cited_exists_and_is_in_the_index():
    folder = REPOSITORY / "docs" / "adr"
    numbers = {file.name[:4] for file in folder.glob("[0-9]*.md")}
    cited = {n for file in [*SOURCES, *DOCUMENTS] for n in re.findall(r"\bADR (\d{4})\b", text_of(file))}
    assert cited <= numbers
    assert set(re.findall(r"^\| \[(\d{4})\]", text_of(folder / "README.md"), re.MULTILINE)) == numbers


def test_no_document_is_cited_that_is_not_here():
    here = {file.name.lower() for file in DOCUMENTS}
    cited = {
        (named(file), name)
        for file in SOURCES
        if file.name not in FOREIGN
        for name in DOCUMENT_NAME.findall(text_of(file))
    }
    assert len(cited) > 20
    assert {(file, name) for file, name in cited if name.lower() not in here} == set()


def exists(name, *, named_in):
    """Whether there is such a file: at this path or the end of one; beside or around the file that names it if bare."""
    path = re.sub(r"^(\.{1,2}/)+", "", name)
    found = [file for file in map(named, CODE) if f"/{file}".endswith(f"/{path}")]
    if "/" in path or named_in.suffix == ".md":
        return bool(found)
    own, *_ = named_in.relative_to(REPOSITORY).parts
    return any(file.startswith(f"{own}/") or own in {"tests", "devstack"} for file in found)


def test_no_module_or_script_is_named_that_is_not_here():
    cited = {
        (file, name)
        for file in [*CODE, *DOCUMENTS]
        if file.name not in FORMER
        for text in prose_of(file)
        for name in CODE_NAME.findall(text)
    }
    assert len(cited) > 100
    lost = [(named(f), n) for f, n in cited if Path(n).name not in OF_OPERATORS and not exists(n, named_in=f)]
    assert sorted(lost) == []
