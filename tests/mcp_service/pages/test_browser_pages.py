"""The pages themselves: what they say for which address, and what a browser may do with them."""

import re

import pytest

from mcp_service.pages.browser_pages import ServicePages

PUBLIC = "https://mcp.example.com/mcp"
LOCAL = "http://localhost:9001/mcp"


def html(page):
    return page.body.decode()


@pytest.mark.parametrize("kind", ["server", "not_found"])
class TestEachPage:
    def page(self, kind):
        return getattr(ServicePages.of("Notes", PUBLIC), kind)

    def test_names_the_server_and_its_address(self, kind):
        assert "Notes" in html(self.page(kind))
        assert PUBLIC in html(self.page(kind))

    def test_sends_nothing_anywhere(self, kind):
        page = self.page(kind)
        assert "form-action 'none'" in page.headers["Content-Security-Policy"].split("; ")
        assert re.findall(r"<(?:script|img|iframe|form|object)|style=| on\w+=", html(page)) == []

    def test_is_small(self, kind):
        assert len(self.page(kind).body) < 6000


def test_a_public_address_is_for_hosted_clients_too():
    text = html(ServicePages.of("Notes", PUBLIC).server)
    headings = re.findall("<h2>(.*?)</h2>", text)
    assert headings == ["Claude", "ChatGPT", "Claude Code", "VS Code", "Cursor", "Any other client"]
    assert "make doctor" not in text


def test_an_address_of_this_machine_is_for_local_clients_and_names_the_doctor():
    text = html(ServicePages.of("Notes", LOCAL).server)
    assert re.findall("<h2>(.*?)</h2>", text) == ["Claude Code", "VS Code", "Cursor", "Any other client"]
    assert f"make doctor URL={LOCAL}" in text


def test_an_address_of_a_private_network_names_no_command_of_this_machine():
    text = html(ServicePages.of("Notes", "https://mcp.internal/mcp").server)
    assert "<h2>ChatGPT</h2>" not in text
    assert "make doctor" not in text


@pytest.mark.parametrize("kind", ["server", "not_found"])
def test_no_name_of_a_server_becomes_markup(kind):
    text = html(getattr(ServicePages.of("</title><script>alert(1)</script>$main\"'", LOCAL), kind))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert text.count("<main>") == 1
