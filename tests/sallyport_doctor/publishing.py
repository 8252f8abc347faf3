"""Publishes model servers under a public host name with a certificate; both resolve to this machine."""

from sallyport_doctor.dns import DnsResolver
from sallyport_doctor.run import RunOptions, run
from tests.sallyport_doctor.certificates import Authority
from tests.sallyport_doctor.user import unresponsive_user

NAME = "mcp.example"
PUBLIC = "93.184.216.34"


class FakeDns(DnsResolver):
    """Reports the given addresses for the public name and connects to this machine; port 443 leads to `port`."""

    def __init__(self, *addresses, port=443):
        super().__init__()
        self._addresses = addresses
        self._port = port

    async def addresses(self, host):
        return self._addresses if host == NAME else (host,)

    async def sockets(self, host, port):
        return (("127.0.0.1", self._port if port == 443 else port),)


class Publisher:
    """Publishes models and examines them. Close it at the end."""

    def __init__(self, knowledge):
        self._knowledge = knowledge
        self.authority = Authority()
        self._started = []

    async def publish(self, model, *, server=None, https=True):
        """Start a model under the public name."""
        await model.start(ssl=(server or self.authority.server_context(NAME)) if https else None, host=NAME)
        self._started.append(model)

    async def examine(
        self, model, *, addresses=(PUBLIC,), client=None, user=unresponsive_user, options=None, **settings
    ):
        """Examine a published model; `options` are further fields of RunOptions."""
        return await run(
            RunOptions(**{"url": model.resource, "timeout_seconds": 10, **(options or {})}),
            knowledge=self._knowledge,
            open_page=user,
            dns=FakeDns(*addresses, port=model.port),
            tls=client or self.authority.client_context(),
            **settings,
        )

    async def close(self):
        for model in self._started:
            await model.stop()
        self._started.clear()
