"""Identifiers and secrets that users paste into a command line."""

from shared.jose import base64url


def test_random_text_never_begins_with_a_dash_and_has_every_bit_of_its_size():
    """One in 64 would: 2,000 without one are no accident."""
    made = [base64url.random_text(16) for _ in range(2000)]
    assert not [text for text in made if text.startswith("-")]
    assert {len(base64url.decode(text)) for text in made} == {16}
    assert len(set(made)) == len(made)
