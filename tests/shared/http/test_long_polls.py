"""The Prefer header, as far as it is understood (RFC 7240)."""

import pytest

from shared.http.long_polls import wait_preference


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["wait=30"], 30),
        (["WAIT=30"], 30),
        (['wait="30"'], 30),
        (["wait = 30 ; foo=bar"], 30),
        (["respond-async, wait=30"], 30),
        (["respond-async", "wait=30"], 30),
        (["wait=30, wait=5"], 30),
        (["wait=0"], 0),
        (["wait"], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=soon, wait=5"], 5),
        (["await=30"], None),
        (["foo; wait=30"], None),
        (["wait=99999999999999999999"], None),
    ],
)
def test_the_wait_is_read_as_the_rfc_writes_it(headers, seconds):
    assert wait_preference(headers) == seconds
