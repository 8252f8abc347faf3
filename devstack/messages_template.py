"""Writes `messages.pot`, the template of translations: every text of the pages (`make messages`).

Texts are `{% trans %}`, `gettext` and `ngettext` in templates, and the calls of `message` and `plural` in the code.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment

REPOSITORY = Path(__file__).parents[1]
TEMPLATE = REPOSITORY / "auth_service/pages/messages.pot"

_CODE = "auth_service"
_TEMPLATES = "auth_service/pages/templates"
_FUNCTIONS = {"message": 1, "plural": 2}
"""Of texts.py, and how many of their arguments are texts."""

_HEADER = """\
# Every text of the pages of auth_service. Made by `make messages`; docs/branding.md says how to translate it.
msgid ""
msgstr ""
"Language: \\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\\n"
"""

Texts = tuple[str, ...]
"""A text, or its singular and its plural."""


def render() -> str:
    """The content of the template, in the order of the texts."""
    places = defaultdict(set)
    for path, texts in (*_of_templates(), *_of_code()):
        places[texts].add(path)
    plurals = {texts[0] for texts in places if len(texts) == 2}
    entries = (_entry(t, sorted(places[t])) for t in sorted(places) if len(t) == 2 or t[0] not in plurals)
    return "\n".join((_HEADER, *entries))


def main() -> None:
    """Write the file."""
    TEMPLATE.write_text(render(), "utf-8")


def _of_templates() -> Iterator[tuple[str, Texts]]:
    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True)
    environment.policies["ext.i18n.trimmed"] = True
    for path in sorted((REPOSITORY / _TEMPLATES).iterdir()):
        for _line, _function, found in environment.extract_translations(path.read_text("utf-8")):  # type: ignore[attr-defined]
            texts = (found,) if isinstance(found, str) else tuple(text for text in found if text is not None)
            yield f"{_TEMPLATES}/{path.name}", texts


def _of_code() -> Iterator[tuple[str, Texts]]:
    for path in sorted((REPOSITORY / _CODE).rglob("*.py")):
        name = str(path.relative_to(REPOSITORY))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
                arguments = node.args[: _FUNCTIONS[node.func.id]]
                texts = tuple(a.value for a in arguments if isinstance(a, ast.Constant) and isinstance(a.value, str))
                if len(texts) != len(arguments):
                    raise ValueError(f"{name}, line {node.lineno}: a text of a page is not a literal")
                yield name, texts


def _entry(texts: Texts, paths: list[str]) -> str:
    lines = [f"#: {path}" for path in paths]
    lines += ["#, python-format"] if "%(" in "".join(texts) else []
    lines += [f"msgid {_quoted(texts[0])}"]
    if len(texts) == 1:
        return "\n".join((*lines, 'msgstr ""', ""))
    return "\n".join((*lines, f"msgid_plural {_quoted(texts[1])}", 'msgstr[0] ""', 'msgstr[1] ""', ""))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    main()
