"""How the cache learns whether an issuer holds its answers back."""

from mcp_service.issuer.long_polling import MAX_MISSES, LongPolling

WORKS = LongPolling(works=True)


def test_it_is_tried_first():
    assert LongPolling().pause_seconds == 0


def test_an_answer_held_back_shows_that_it_works():
    assert LongPolling().after_response(held_back=True, changed=False) == WORKS
    assert WORKS.pause_seconds == 0


def test_an_issuer_that_never_did_it_is_asked_by_the_clock_after_one_try():
    assert LongPolling().after_response(held_back=False, changed=False).pause_seconds is None


def test_an_answer_that_brings_a_change_need_not_have_been_held_back():
    after = LongPolling().after_response(held_back=False, changed=True)
    assert after.works is None
    assert after.pause_seconds == 1


def test_an_issuer_that_did_it_before_gets_some_patience():
    state = WORKS
    for _ in range(MAX_MISSES - 1):
        state = state.after_failure()
        assert state.pause_seconds == 1
    assert state.after_failure().pause_seconds is None


def test_one_answer_held_back_ends_the_doubts():
    assert WORKS.after_failure().after_failure().after_response(held_back=True, changed=True) == WORKS


def test_an_issuer_with_something_new_in_every_answer_is_asked_by_the_clock_in_the_end():
    state = WORKS
    for _ in range(MAX_MISSES):
        state = state.after_response(held_back=False, changed=True)
    assert state.pause_seconds is None


def test_a_scheduled_request_can_bring_it_back():
    assert LongPolling(works=False, misses=3).after_response(held_back=True, changed=False) == WORKS
