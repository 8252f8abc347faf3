"""The drill that an operator can play through works on a running pair."""

import pytest

from tests.drills import key_compromise


@pytest.mark.long
async def test_the_drill_plays_through_and_prints_the_times(make_pair, capsys):
    pair = await make_pair()
    deployment = key_compromise.of_environment(pair.auth_environment)
    await key_compromise.play(deployment)
    said = capsys.readouterr().out
    steps = [
        "keys revoke",
        "the stolen token is refused",
        "1 mcp_service replicas have shown",
        "the client has refreshed",
    ]
    assert [said.index(step) for step in steps] == sorted(said.index(step) for step in steps)
    assert "drill-" not in await pair.command("users", "list")
