"""The promises of SECURITY.md, the code that upholds them and the tests that attack them carry the same numbers."""

import re

import pytest

from devstack.service_process import REPOSITORY

TEXT = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
CHAPTERS = {int(n): body for n, body in re.findall(r"^## (\d+)\. (.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)}


def files_after(word, body):
    listed = re.search(rf"^{word} (.*?)\.$", body, re.MULTILINE | re.DOTALL)
    assert listed, f"nothing is said to be {word.lower()} anything"
    return re.findall(r"`([^`]+)`", listed[1])


def names_invariant(file, number):
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    lists = re.findall(r"[Ii]nvariants?\s+((?:\d+(?:,\s*|\s+and\s+|\s+to\s+)?)+)", text)
    return any(str(number) in re.findall(r"\d+", found) for found in lists)


def test_there_are_eleven_promises():
    assert sorted(CHAPTERS) == list(range(1, 12))


@pytest.mark.parametrize("number", sorted(CHAPTERS))
@pytest.mark.parametrize(("word", "root"), [("Upheld in", ""), ("Attacked by", "tests/")])
def test_the_files_named_exist_and_name_the_promise(number, word, root):
    files = files_after(word, CHAPTERS[number])
    assert files
    for file in files:
        assert file.startswith(root)
        assert (REPOSITORY / file).is_file(), file
        assert names_invariant(file, number), f"{file} does not name invariant {number}"
