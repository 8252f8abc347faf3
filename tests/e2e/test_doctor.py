"""The doctor, from outside, on the real pair: registering, signing in and all, it has nothing to say."""

from functools import partial

from sallyport_doctor.knowledge.load import load_knowledge
from sallyport_doctor.visit import Visit, visit
from tests.doctor.person import sign_in_by_forms


async def test_the_doctor_finds_nothing_at_the_pair_and_every_client_works(pair):
    person = partial(sign_in_by_forms, username=pair.username, password=pair.password)
    wanted = Visit(url=pair.resource, register=True, login=True, wait_seconds=60)
    diagnosis = await visit(wanted, knowledge=load_knowledge(), open_page=person)
    assert {f.id: f.seen for f in diagnosis.findings} == {}
    assert {v.name for v in diagnosis.verdicts if v.outcome.value != "works"} == set()
    assert [remark for remark in diagnosis.remarks if "deleted" in remark] == []
    assert "A call that needs more than the token's scopes got 403 to tools/call add_note." in diagnosis.remarks
