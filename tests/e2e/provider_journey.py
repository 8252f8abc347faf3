"""A sign-in through a provider of another project, and its results."""

from tests.e2e.sdk_client import Memory, connected
from tests.support.oauth import unverified_claims


class UserAtProvider:
    """A browser at both servers: goes through the provider at the sign-in page, and approves.

    `there.authorize(url)` signs in and answers the parameters of `there.callback`, the address that the provider names.
    `provider` has the `id` of its entry and its `issuer`.
    """

    def __init__(self, here, there, provider):
        self.here = here
        self.there = there
        self.provider = provider
        self.response = {}
        """The provider's response at the callback."""
        self.went_straight_on = False
        self.decided = ""
        """The words of the consent page."""

    async def to_provider(self, authorization_url):
        """Begin, and press the button if there is a page with one; the answer that leads to the provider."""
        page = await self.here.get(authorization_url)
        if page.status == 303 and not str(page.onward).startswith(self.provider.issuer):
            page = await self.here.follow(page)
        if str(page.onward or "").startswith(self.provider.issuer):
            self.went_straight_on = True
            return page
        form = next(form for form in page.forms if ("provider", self.provider.id) in form.buttons)
        return await self.here.post(
            page.url.join(page.url.with_path(form.action.partition("?")[0])),
            form.inputs | {"provider": self.provider.id},
            headers={"Origin": str(page.url.origin())},
        )

    async def back(self, authorization_url):
        """Sign in at the provider; the answer of the callback."""
        answer = await self.to_provider(authorization_url)
        assert answer.onward is not None, answer.words
        self.response = await self.there.authorize(str(answer.onward))
        return await self.here.get(self.there.callback)

    async def authorize(self, authorization_url):
        """Sign in and approve; the parameters for the client."""
        answer = await self.back(authorization_url)
        page = await self.here.follow(answer) if answer.status == 303 else answer
        self.decided = page.words
        return await self.here.decide(page)


async def subject_after_connecting(pair, user):
    """The subject of the access token after a first connection of a new client, by this user."""
    memory = Memory()
    async with connected(pair.resource, user, memory=memory) as client:
        assert not (await client.call_tool("whoami", {})).is_error
    return unverified_claims(memory.access_token)["sub"]
