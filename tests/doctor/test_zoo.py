"""Each fault of the zoo is named with exactly its findings: the right one, and no other."""

import pytest

from tests.doctor.zoo.menagerie import all_faults

FAULTS = all_faults()


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
async def test_the_doctor_names_exactly_the_fault(run, kind):
    diagnosis = await run(kind(), **kind.visit)
    assert kind.finds == {f.id for f in diagnosis.findings}, {f.id: f.seen for f in diagnosis.findings}
