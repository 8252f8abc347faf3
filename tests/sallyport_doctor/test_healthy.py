"""A healthy server yields no finding; otherwise findings on faulty servers prove nothing."""

from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer


def told(diagnosis):
    return {f.id: f.observed for f in diagnosis.findings}


async def test_a_healthy_server_has_no_finding_of_any_severity(run):
    diagnosis = await run(HealthyServer())
    assert told(diagnosis) == {}
    assert diagnosis.exit_status == 0


async def test_every_client_works_with_a_healthy_server(run):
    diagnosis = await run(HealthyServer())
    assert {"works"} == {v.outcome.value for v in diagnosis.verdicts}


async def test_a_server_on_this_machine_is_told_that_hosted_clients_cannot_reach_it(run):
    diagnosis = await run(HealthyServer())
    assert "ChatGPT, Claude" in diagnosis.remarks[0]


async def test_registering_and_signing_in_at_a_healthy_server_finds_nothing_and_leaves_nothing(run):
    model = HealthyServer()
    diagnosis = await run(model, register=True, login=True)
    assert told(diagnosis) == {}
    assert model.clients == {}
    assert model.grants == {}
    assert [remark for remark in diagnosis.remarks if "deleted" in remark] == []
