"""The negative cache of names that the issuer does not know."""

from mcp_service.issuer.refresh_state import MAX_NAMES, RecentlyUnknown


def test_the_oldest_names_are_forgotten_first():
    unknown = RecentlyUnknown()
    for n in range(MAX_NAMES + 1):
        unknown.remember(f"name-{n}", float(n))
    assert unknown.refused_at("name-0") is None
    assert unknown.refused_at("name-1") == 1
    assert unknown.refused_at(f"name-{MAX_NAMES}") == MAX_NAMES


def test_a_name_that_is_known_again_is_forgotten():
    unknown = RecentlyUnknown()
    assert unknown.latest_at == float("-inf")
    unknown.remember("a", 2.0)
    unknown.remember("b", 1.0)
    assert unknown.latest_at == 2
    unknown.forget("a")
    unknown.forget("never refused")
    assert unknown.refused_at("a") is None
    assert unknown.latest_at == 1
