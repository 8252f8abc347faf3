"""Issuer and resource: taken as they are, or refused with the reason."""

import pytest

from shared.configured_url import check_issuer, check_resource, is_loopback_host, origin_of, path_of

pytestmark = pytest.mark.invariant(1)

GOOD = [
    "https://auth.example",
    "https://auth.example/tenant",
    "https://auth.example:8443/a/b",
    "http://localhost:9000",
    "http://127.0.0.1:9000",
    "http://127.8.8.8",
    "http://[::1]:9000/x",
    "https://xn--mnchen-3ya.example",
]
BAD = [
    ("", "not an absolute URL"),
    ("auth.example", "not an absolute URL"),
    ("//auth.example", "upper-case scheme|neither https nor http"),
    ("https://", "not an absolute URL"),
    ("https:auth.example", "not an absolute URL"),
    ("https://auth.example/", "ends with a slash"),
    ("https://auth.example/tenant/", "ends with a slash"),
    ("https://Auth.example", "upper-case host"),
    ("HTTPS://auth.example", "upper-case scheme"),
    ("https://auth.example:443", "default port"),
    ("http://localhost:80", "default port"),
    ("https://auth.example?x=1", "has a query"),
    ("https://auth.example?", "has a query"),
    ("https://auth.example#x", "has a fragment"),
    ("https://auth.example#", "has a fragment"),
    ("https://user@auth.example", "has user information"),
    ("https://:x@auth.example", "has user information"),
    ("http://auth.example", "not loopback"),
    ("http://localhost.evil.example", "not loopback"),
    ("http://10.0.0.1", "not loopback"),
    ("ftp://auth.example", "neither https nor http"),
    ("https://auth.example//x", "not plain"),
    ("https://auth.example/../x", "not plain"),
    ("https://auth.example/%41", "not plain"),
    ("https://auth.example:99999", "not a URL"),
    ("https://auth.example:x", "not a URL"),
    ("https://[::1", "not a URL"),
    ("https://m\u00fcnchen.example", "characters"),
    ("https://auth.example\n", "characters"),
    (" https://auth.example", "characters"),
]


@pytest.mark.parametrize("url", GOOD)
def test_a_good_one_comes_back_as_the_very_string(url):
    assert check_issuer(url) == url


@pytest.mark.parametrize(("url", "complaint"), BAD)
def test_a_bad_one_is_refused_with_what_is_wrong(url, complaint):
    with pytest.raises(ValueError, match=complaint):
        check_issuer(url)
    with pytest.raises(ValueError, match=complaint):
        check_resource(url)


def test_a_resource_needs_a_path():
    """Interop.md R3."""
    assert check_resource("https://mcp.example/mcp") == "https://mcp.example/mcp"
    with pytest.raises(ValueError, match="needs a path"):
        check_resource("https://mcp.example")


def test_the_parts_of_a_url_are_as_written():
    assert origin_of("https://auth.example:8443/a/b") == "https://auth.example:8443"
    assert path_of("https://auth.example:8443/a/b") == "/a/b"
    assert path_of("https://auth.example") == ""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_this_machine(host):
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host", ["", "localhost.", "sub.localhost", "0.0.0.0", "::", "127.1", "2130706433", "::ffff:7f00:2:1"]
)
def test_another_machine_or_an_odd_name_for_this_one(host):
    assert not is_loopback_host(host)
