"""The command: output and exit status. One test runs it as a process."""

import asyncio
import sys

import pytest
from typer.testing import CliRunner

from sallyport_doctor.cli import app


async def process(*arguments):
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sallyport_doctor",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await started.communicate()
    return started.returncode, out.decode(), err.decode()


async def test_it_ends_with_0_and_is_quiet_on_standard_error_when_all_is_well(healthy):
    status, out, err = await process(healthy.resource)
    assert (status, err) == (0, "")
    assert "Nothing to fix." in out
    assert "\x1b[" not in out


async def test_it_ends_with_1_and_tells_what_was_observed_and_how_to_fix_it(command, faulty):
    status, out, _err = await command(faulty.resource)
    assert status == 1
    assert "resource-trailing-slash" in out
    assert f"'{faulty.resource}/' instead of '{faulty.resource}'" in out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("ftp://host/mcp",),
        ("http://localhost:1/mcp",),
        ("http://no.invalid/mcp",),
    ],
)
async def test_it_ends_with_2_when_there_is_nothing_to_look_at(command, arguments):
    status, out, err = await command(*arguments)
    assert (status, out) == (2, "")
    assert err


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("mcp.invalid/mcp", "the host of https://mcp.invalid/mcp does not resolve"),
        ("https://ada:lovelace@mcp.example/mcp", "leave it out"),
        ("https://mcp.example/mcp#top", "fragment"),
        ("http://localhost:1/mcp", "the connection was refused. Is the server running"),
    ],
)
def test_an_address_that_cannot_be_looked_at_is_told_with_what_to_do(address, told):
    result = CliRunner().invoke(app, [address])
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert "lovelace" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "--sarif"),
        ("--client-id", "x"),
        ("--login", "--client-secret", "-"),
        ("--login", "--client-id", "x", "--client-secret", "-", "--token", "-"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused_before_anything_is_asked(arguments):
    result = CliRunner().invoke(app, ["http://localhost:1/mcp", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--" in result.stderr


async def test_explain_shows_the_page_of_a_finding_and_sends_no_request(command):
    status, out, _err = await command("--explain", "resource-trailing-slash")
    assert status == 0
    assert "How to fix it" in out
    assert "Breaks\nChatGPT, Claude, " in out


async def test_explain_suggests_names_when_there_is_none_of_that_name(command):
    status, _out, err = await command("--explain", "trailing")
    assert status == 2
    assert "resource-trailing-slash" in err


def test_explain_guesses_what_was_meant():
    result = CliRunner().invoke(app, ["--explain", "resource-trailing-slsh"])
    assert result.exit_code == 2
    assert "Perhaps: resource-trailing-slash" in result.stderr


async def test_the_first_line_names_the_clients_that_fail_and_the_details_come_last(command, faulty):
    _status, out, _err = await command(faulty.resource)
    assert out.splitlines()[2].startswith("Fails for 6 of 14 clients: ChatGPT, Claude, ")
    places = [out.index(heading) for heading in ("What to do", "Clients", "Details")]
    assert places == sorted(places)


async def test_a_token_at_hand_is_examined_and_sent_nowhere(command, healthy):
    seen = []
    answer = healthy.answer_mcp

    async def watch(request):
        seen.append(dict(request.headers))
        return await answer(request)

    healthy.answer_mcp = watch
    token = healthy.mint("client")
    status, out, _err = await command(healthy.resource, "--token", "-", given=token)
    assert (status, [headers for headers in seen if token in str(headers)]) == (0, [])
    assert "Nothing to fix." in out


async def test_a_token_at_hand_without_a_signature_is_told(command, healthy):
    status, out, _err = await command(healthy.resource, "--token", "eyJhbGciOiJub25lIn0.e30.")
    assert status == 1
    assert "token-unsigned" in out


async def test_a_token_can_be_examined_without_any_address(command, healthy):
    status, out, err = await command("--token", "-", given=healthy.mint("client"))
    assert (status, err) == (0, "")
    assert "a JWT of type at+jwt, signed with ES256 (kid test-1, not verified)" in out
