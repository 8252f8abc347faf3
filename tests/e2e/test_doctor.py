"""The doctor finds nothing at the real pair, with registration and sign-in."""

from functools import partial

from sallyport_doctor.knowledge.catalogue import load_knowledge
from sallyport_doctor.run import RunOptions, run
from tests.e2e.pair import READING_FIRST
from tests.sallyport_doctor.user import sign_in_by_forms


async def test_the_doctor_finds_nothing_at_the_pair_and_every_client_works(make_pair):
    pair = await make_pair(own=READING_FIRST)
    user = partial(sign_in_by_forms, username=pair.username, password=pair.password)
    options = RunOptions(url=pair.resource, register=True, login=True, wait_seconds=60)
    diagnosis = await run(options, knowledge=load_knowledge(), open_page=user)
    assert {f.id: f.observed for f in diagnosis.findings} == {}
    assert {v.name for v in diagnosis.verdicts if v.outcome.value != "works"} == set()
    assert [remark for remark in diagnosis.remarks if "deleted" in remark] == []
    assert "A call that needs more than the token's scopes got 403 to tools/call add_note." in diagnosis.remarks
