import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.pages.formatting import MAX_NAME, first_letter, plain_host, short_name, strip_invisible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Claude", "Claude"),
        ("  Claude \t\r\n Code ", "Claude Code"),
        ("Cl\u200baude", "Claude"),
        ("safe\u202egnp.exe", "safegnp.exe"),
        ("\u2066a\u2069\u061c\u200f\ufeff", "a"),
        ("a\x00\x07\x1b[31mb", "a[31mb"),
        ("a\u2028b\u2029c", "a b c"),
        ("\u3164\u115f\u2800", ""),
        ("\U000e0041\U000e0042tag", "tag"),
        ("\ue000\U0010ffff", ""),
        ("Z" + "\u0300" * 40 + "algo", "Z\u0300\u0300\u0300algo"),
        ("日本語 العربية עברית हिन्दी", "日本語 العربية עברית हिन्दी"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
        ("\U0001f600 Notes", "\U0001f600 Notes"),
    ],
)
def test_only_what_can_be_seen_is_kept(text, seen):
    assert strip_invisible(text) == seen


@given(st.text())
def test_nothing_unseen_survives_any_text(text):
    seen = strip_invisible(text)
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"} for c in seen)
    assert "  " not in seen
    assert seen == seen.strip()
    assert strip_invisible(seen) == seen


@given(st.text())
def test_a_name_is_never_longer_than_its_limit(text):
    assert len(short_name(text)) <= MAX_NAME


def test_a_name_of_just_the_limit_is_whole_and_a_longer_one_says_that_it_was_cut():
    assert short_name("a" * MAX_NAME) == "a" * MAX_NAME
    assert short_name("a" * (MAX_NAME + 1)) == "a" * (MAX_NAME - 1) + "…"


def test_no_name_is_an_empty_one():
    assert short_name(None) == ""


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("claude.ai", "claude.ai"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("xn--pple-43d.com", "xn--pple-43d.com"),
        ("\u0430pple.com", "xn--pple-43d.com"),
        ("a\u202e.com", "a.com"),
        ("a b.com", "ab.com"),
    ],
)
def test_a_host_shows_in_ascii_so_that_look_alikes_stand_out(host, shown):
    assert plain_host(host) == shown


@given(st.text())
def test_any_host_shows_in_ascii(host):
    assert plain_host(host).isascii()


def test_the_end_of_a_host_is_never_cut():
    host = "login.bank.example." + "a" * 3000 + ".evil.example"
    assert plain_host(host) == host


@pytest.mark.parametrize(
    ("name", "letter"),
    [("claude", "C"), ("\u202e(n8n)", "N"), ("6sense", "6"), ("ß", "S"), ("写作", "写"), ("!?", "?"), ("", "?")],
)
def test_a_name_is_represented_by_its_first_letter(name, letter):
    assert first_letter(name) == letter
