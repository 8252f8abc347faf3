"""A user who opens an address in a browser sees a page; a program gets what it would get without these pages."""

import pytest

from tests.support.auth_server import NOTES

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PROGRAMS = ["*/*", "application/json", "text/html, application/json"]
WRONG = [("/nothing", 404, "not_found"), ("/sign-in/x", 404, "not_found"), ("/token", 405, "method_not_allowed")]


class TestTheIssuersOwnUrl:
    async def test_says_what_it_is_and_leads_to_the_account_and_the_servers(self, auth):
        page = await auth.get("/", headers=BROWSER)
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert page.headers["Vary"] == "Accept"
        for address in ("/account", NOTES):
            assert f'href="{address}"' in page.text

    async def test_redirects_a_program_to_the_account(self, auth):
        for accept in PROGRAMS:
            answer = await auth.get("/", headers={"Accept": accept})
            assert (answer.status, answer.headers["Location"]) == (303, "/account")
            assert "Vary" not in answer.headers

    async def test_the_home_page_is_below_the_path_of_the_issuer(self, start_auth):
        server = await start_auth(ISSUER="https://auth.example.com/auth")
        page = await server.get("/auth/", headers=BROWSER)
        assert 'href="/auth/account"' in page.text
        lost = await server.get("/auth", headers=BROWSER)
        assert lost.status == 404
        for address in ("/auth/", "/auth/account"):
            assert f'href="{address}"' in lost.text


class TestAWrongAddress:
    async def test_a_wrong_address_is_a_page_with_a_link(self, auth):
        for path, status, _ in WRONG:
            page = await auth.get(path, headers=BROWSER)
            assert (page.status, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
            assert 'href="/account"' in page.text
            assert page.headers["Vary"] == "Accept"
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]

    @pytest.mark.parametrize("accept", PROGRAMS)
    async def test_is_json_for_a_program_with_the_same_status_and_headers(self, auth, accept):
        for path, status, error in WRONG:
            answer = await auth.get(path, headers={"Accept": accept})
            page = await auth.get(path, headers=BROWSER)
            assert (answer.status, answer.json["error"]) == (status, error)
            assert "Vary" not in answer.headers
            for name in ("Allow", "Cache-Control"):
                assert answer.headers.getall(name, []) == page.headers.getall(name, [])

    async def test_is_json_for_a_request_with_a_credential(self, auth):
        for path, status, error in WRONG:
            answer = await auth.get(path, headers=BROWSER | {"Authorization": "Bearer x"})
            assert (answer.status, answer.json["error"]) == (status, error)

    async def test_has_a_page_that_holds_nothing_of_the_request(self, auth):
        pages = {
            (await auth.get(path, headers=BROWSER | {"Referer": "https://evil.example/"})).text
            for path in ("/a", "/b?<script>alert(1)</script>", "/c/%3Cb%3E")
        }
        assert len(pages) == 1

    async def test_an_unknown_document_for_programs_has_no_page(self, auth):
        answer = await auth.get("/.well-known/nothing", headers=BROWSER)
        assert (answer.status, answer.json["error"]) == (404, "not_found")

    async def test_has_the_same_headers_for_head(self, auth):
        page = await auth.get("/nothing", headers=BROWSER)
        head = await auth.request("HEAD", "/nothing", headers=BROWSER)
        assert (head.status, head.text) == (404, "")
        assert set(head.headers) == set(page.headers)
        assert head.headers["Content-Length"] == page.headers["Content-Length"]
