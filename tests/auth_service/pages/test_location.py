import pytest

from auth_service.pages.renderer import Destination, destination_of


@pytest.mark.parametrize(
    ("location", "destination"),
    [
        ("https://claude.ai/api/mcp/auth_callback?code=a", Destination.WEBSITE),
        ("http://localhost.evil.example/cb", Destination.WEBSITE),
        ("http://127.0.0.1.evil.example/cb", Destination.WEBSITE),
        ("http://127.0.0.1:33418/?code=a", Destination.LOCAL_PROGRAM),
        ("http://localhost/cb?code=a", Destination.LOCAL_PROGRAM),
        ("http://[::1]:99/cb?code=a", Destination.LOCAL_PROGRAM),
        ("cursor://anysphere.cursor-mcp/oauth/callback?code=a", Destination.APP),
        ("warp://mcp/oauth2callback?code=a", Destination.APP),
        ("com.example.app:/callback?code=a", Destination.APP),
    ],
)
def test_the_address_alone_tells_what_opens_it(location, destination):
    assert destination_of(location) is destination


@pytest.mark.parametrize(
    "location",
    ["javascript:alert(1)", "VBSCRIPT:x", "data:text/html,x", "file:///etc/passwd", "blob:https://x/1", "about:blank"],
)
def test_an_address_that_runs_code_is_none_to_go_on_to(location):
    with pytest.raises(ValueError, match="not an address"):
        destination_of(location)
