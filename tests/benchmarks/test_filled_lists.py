"""The lists that a benchmark fills are those that auth_service publishes."""

from auth_service.status_lists.repository import StatusListRepository
from tests.benchmarks.filled_lists import FilledLists

SPARED = 4711


async def test_a_share_of_the_entries_in_use_is_revoked_and_the_list_has_another_tag(store):
    repository = StatusListRepository(store)
    names = list(await repository.ensure_open())
    lists = await FilledLists.fill(store, 100 * len(names), spared=SPARED)
    before = await repository.states(names)
    tags = await lists.revoke_share(0.05)
    one = await lists.revoke_one()
    after, revoked = await repository.states(names), await repository.revoked(names)
    assert {state.allocated for state in after} == {100}
    assert {state.tag for state in before} == set(names)
    assert {state.tag for state in after} - {one} < tags
    assert sorted(map(len, revoked)) == [5] * (len(names) - 1) + [6]
    assert not any(SPARED in entries for entries in revoked)
