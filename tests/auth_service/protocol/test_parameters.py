"""Parameters, parsed once (RFC 6749 sections 3.1 and 3.2, appendix B)."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.protocol.errors import InvalidRequest
from auth_service.protocol.parameters import MAX_PARAMETERS, Parameters, parse_urlencoded

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)


@given(st.dictionaries(TEXT, TEXT, max_size=MAX_PARAMETERS))
def test_parsing_reverses_encoding(values):
    form = parse_urlencoded(urlencode(values))
    assert {name: form.get(name) for name in values} == values
    assert parse_urlencoded(urlencode(values).encode()).all("x") == form.all("x")


@given(st.text(st.sampled_from("&=;ab ä"), max_size=30))
def test_a_form_without_encoded_characters_is_read_as_the_standard_library_reads_it(text):
    pairs = parse_qsl(text, keep_blank_values=True)
    form = parse_urlencoded(text, repeatable=frozenset(name for name, _ in pairs))
    assert form._values == Parameters(pairs, repeatable=frozenset(name for name, _ in pairs))._values


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_any_text_is_a_form_or_an_error(text):
    try:
        form = parse_urlencoded(text)
    except InvalidRequest:
        return
    for values in form._values.values():
        # Nothing gets through that a later step could not write to the store, a header or a log.
        "".join(values).encode()
        assert "\x00" not in "".join(values)


def test_a_parameter_without_a_value_counts_as_absent():
    form = parse_urlencoded("a=&b=1&b=&c")
    assert (form.get("a"), form.get("b"), form.get("c")) == (None, "1", None)
    with pytest.raises(InvalidRequest) as refused:
        form.require("a")
    assert refused.value.error_id == "a_present"


@pytest.mark.parametrize("text", ["a=1&a=1", "a=1&a=2", "a=1&b=2&%61=3"])
def test_a_repeated_parameter_is_refused_even_with_the_same_value(text):
    with pytest.raises(InvalidRequest) as refused:
        parse_urlencoded(text)
    assert refused.value.error_id == "repeated_parameter"


def test_resource_may_be_repeated_and_repeats_count_once():
    """RFC 8707 section 2."""
    assert parse_urlencoded("resource=a&resource=b&resource=a").all("resource") == ("a", "b")


def test_the_name_of_a_repeated_parameter_is_cut_in_the_log():
    with pytest.raises(InvalidRequest) as refused:
        Parameters([("x" * 5000, "1"), ("x" * 5000, "2")])
    assert len(refused.value.reason) < 200


def test_the_number_of_parameters_is_bounded():
    parse_urlencoded("&".join(f"a{n}=1" for n in range(MAX_PARAMETERS)))
    with pytest.raises(InvalidRequest):
        parse_urlencoded("&".join(f"a{n}=1" for n in range(MAX_PARAMETERS + 1)))


def test_a_semicolon_separates_nothing():
    """Another reading of it before us would see other parameters than we do."""
    assert parse_urlencoded("a=1;b=2").get("a") == "1;b=2"
