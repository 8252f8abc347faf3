"""Headers and content that every page of both services has."""

import base64
import hashlib
import re

import pytest

from tests.support.every_page import every_page

PAGES = every_page()


@pytest.mark.parametrize("name", PAGES)
class TestEveryPage:
    def test_is_html_in_utf8_and_never_stored(self, name):
        headers = PAGES[name].headers
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"

    def test_may_load_nothing_run_nothing_and_cannot_be_framed(self, name):
        policy = PAGES[name].headers["Content-Security-Policy"].split("; ")
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert not any("unsafe" in p or "http" in p for p in policy)
        asks_for_password = name.startswith("sign-in") and name not in {"sign-in-no-passwords", "sign-in-one"}
        assert any("script-src" in p for p in policy) == asks_for_password
        assert PAGES[name].headers["X-Frame-Options"] == "DENY"

    def test_has_exactly_the_style_that_its_policy_names(self, name):
        page = PAGES[name]
        (style,) = re.findall(r"<style>(.*?)</style>", page.html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in page.headers["Content-Security-Policy"]
        assert "style=" not in page.html

    def test_runs_exactly_the_script_that_its_policy_names_if_it_has_one(self, name):
        page = PAGES[name]
        scripts = re.findall(r"<script>(.*?)</script>", page.html, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
        policy = page.headers["Content-Security-Policy"]
        assert re.findall(r"script-src 'sha256-([^']+)'(?:;|$)", policy) == hashes
        assert len(re.findall("<script", page.html)) == len(scripts)

    def test_names_no_foreign_address_to_load(self, name):
        loaded = re.findall(r"<(?:link|img|script [^>]|iframe|object)[^>]*>", PAGES[name].html)
        assert len(loaded) == 1
        assert 'rel="icon" href="data:' in loaded[0]

    def test_sends_no_referrer(self, name):
        headers = PAGES[name].headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"

    def test_says_its_language_and_its_purpose(self, name):
        html = PAGES[name].html
        assert '<html lang="en"' in html
        (title,) = re.findall(r"<title>([^<]+)</title>", html)
        assert title.endswith(" · Sallyport") or name.startswith("mcp-")
        assert len(re.findall(r"<h1[ >]", html)) == 1
        assert html.count("<main") == 1
