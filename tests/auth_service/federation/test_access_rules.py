"""Who may sign in: conditions on an identity, with deny before allow."""

import pytest

from auth_service.federation.access_rules import IdentityConditions, refusal
from tests.support.identities import identity

EVERYONE = IdentityConditions(everyone=True)
NOBODY = IdentityConditions()


def conditions(**fields):
    return IdentityConditions.model_validate(fields)


def refused(*, allow=EVERYONE, deny=NOBODY, **stated):
    return refusal(allow=allow, deny=deny, identity=identity("1", **stated)) is not None


def test_an_empty_record_matches_nothing():
    assert not NOBODY.match(identity("1", email="ada@example.org", email_verified=True, groups=("g",)))
    assert refused(allow=NOBODY)


@pytest.mark.parametrize(
    ("rule", "stated"),
    [
        ({"everyone": True}, {}),
        ({"subjects": ["1"]}, {}),
        ({"emails": ["Ada@Example.org"]}, {"email": "ada@example.ORG", "email_verified": True}),
        ({"domains": ["example.org"]}, {"email": "ada@EXAMPLE.org", "email_verified": True}),
        ({"domains": ["Example.org"]}, {"domain": "example.ORG"}),
        ({"groups": ["b", "c"]}, {"groups": ("a", "b")}),
        ({"organizations": ["Acme"]}, {"organizations": ("acme",)}),
        ({"teams": ["acme/core"]}, {"teams": ("Acme/Core",)}),
        ({"claims": {"plan": ["paid", "trial"]}}, {"claims": {"plan": "trial"}}),
        ({"claims": {"roles": ["admin"]}}, {"claims": {"roles": ["reader", "admin"]}}),
        ({"claims": {"staff": ["true"]}}, {"claims": {"staff": True}}),
        ({"subjects": ["2"], "groups": ["b"]}, {"groups": ("b",)}),
    ],
    ids=str,
)
def test_a_condition_that_is_met_is_enough_to_allow_and_to_deny(rule, stated):
    assert not refused(allow=conditions(**rule), **stated)
    assert refused(allow=EVERYONE, deny=conditions(**rule), **stated)


@pytest.mark.parametrize(
    ("rule", "stated"),
    [
        ({"subjects": ["11"]}, {}),
        ({"emails": ["ada@example.org"]}, {"email": "ada@example.org"}),
        ({"emails": ["ada@example.org"]}, {"email": None, "email_verified": True}),
        ({"emails": ["ada@example.org"]}, {"login": "ada@example.org", "email_verified": True}),
        ({"domains": ["example.org"]}, {"email": "ada@example.org"}),
        ({"domains": ["example.org"]}, {"email": "ada@sub.example.org", "email_verified": True}),
        ({"domains": ["example.org"]}, {"email": "ada@notexample.org", "email_verified": True}),
        ({"domains": ["example.org"]}, {"email": "ada@example.org@evil.example", "email_verified": True}),
        ({"domains": ["example.org"]}, {"domain": "sub.example.org"}),
        ({"domains": ["example.org"]}, {"domain": "example.org.evil.example"}),
        ({"groups": ["b"]}, {"groups": ("bb",), "organizations": ("b",), "teams": ("b",)}),
        ({"organizations": ["acme"]}, {"teams": ("acme/core",)}),
        ({"teams": ["acme/core"]}, {"teams": ("other/core",), "organizations": ("acme",)}),
        ({"claims": {"plan": ["paid"]}}, {"claims": {"plan": "unpaid"}}),
        ({"claims": {"plan": ["paid"]}}, {"claims": {"other": "paid"}}),
        ({"claims": {"plan": ["1"]}}, {"claims": {"plan": 1}}),
        ({"claims": {"plan": ["paid"]}}, {"claims": {"plan": {"paid": True}}}),
        ({"claims": {"plan": ["true"]}}, {"claims": {"plan": [True]}}),
        ({"claims": {"plan": []}}, {"claims": {"plan": "paid"}}),
    ],
    ids=str,
)
def test_a_condition_that_is_not_met_neither_allows_nor_denies(rule, stated):
    assert refused(allow=conditions(**rule), **stated)
    assert not refused(allow=EVERYONE, deny=conditions(**rule), **stated)


def test_deny_wins():
    rule = conditions(groups=["staff"])
    assert refusal(allow=rule, deny=rule, identity=identity("1", groups=("staff",))) == "a deny rule matches"


@pytest.mark.parametrize("kind", ["groups", "organizations", "teams"])
class TestGroupsThatTheProviderLeftOut:
    def test_a_deny_rule_on_groups_refuses(self, kind):
        assert refused(deny=conditions(**{kind: ["banned"]}), groups_complete=False)
        assert not refused(deny=conditions(**{kind: ["banned"]}))

    def test_an_allow_rule_on_groups_refuses(self, kind):
        assert refused(allow=conditions(**{kind: ["staff"]}), groups_complete=False)

    def test_a_group_that_was_stated_counts(self, kind):
        assert not refused(allow=conditions(**{kind: ["staff"]}), groups_complete=False, **{kind: ("staff",)})

    def test_rules_on_other_properties_decide_as_ever(self, kind):
        allow = conditions(**{kind: ["staff"], "subjects": ["1"]})
        assert not refused(allow=allow, deny=conditions(subjects=["2"]), groups_complete=False)


@pytest.mark.parametrize("rule", [{"group": ["g"]}, {"groups": "g"}, {"claims": {"plan": "paid"}}, {"groups": [1]}])
def test_a_rule_that_is_not_understood_is_refused(rule):
    with pytest.raises(ValueError, match="validation error"):
        conditions(**rule)


@pytest.mark.parametrize(
    ("allow", "stated", "missing"),
    [
        ({"domains": ["example.org"]}, {}, "an address"),
        ({"emails": ["ada@example.org"]}, {"email": "ada@example.org"}, "that the address is verified"),
        ({"claims": {"plan": ["paid"]}, "domains": ["example.org"]}, {}, "plan, an address"),
    ],
)
def test_the_reason_says_what_a_rule_names_and_the_provider_did_not_state(allow, stated, missing):
    reason = refusal(allow=IdentityConditions(**allow), deny=IdentityConditions(), identity=identity(**stated))
    assert reason == f"no allow rule matches; the provider did not state {missing}"
