"""Each faulty server yields exactly its findings: the right one, and no other."""

import pytest

from tests.sallyport_doctor.faulty_servers.inventory import all_faults

FAULTS = all_faults()


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
async def test_the_doctor_names_exactly_the_fault(run, kind):
    diagnosis = await run(kind(), **kind.options)
    assert kind.finds == {f.id for f in diagnosis.findings}, {f.id: f.observed for f in diagnosis.findings}
