"""A stage for model servers: a public name with a certificate that leads to this machine."""

from sallyport_doctor.names import Names
from sallyport_doctor.visit import Visit, visit
from tests.doctor.certificates import Authority
from tests.doctor.person import nobody

NAME = "mcp.example"
PUBLIC = "93.184.216.34"


class StageNames(Names):
    """Says what it is told of a name, and dials this machine instead."""

    def __init__(self, *addresses):
        super().__init__()
        self._told = addresses

    async def addresses(self, host):
        return self._told if host == NAME else (host,)

    async def dial(self, host):
        return ("127.0.0.1",)


class Stage:
    """Publishes models and visits them. Close it at the end."""

    def __init__(self, knowledge):
        self._knowledge = knowledge
        self.authority = Authority()
        self._started = []

    async def publish(self, model, *, server=None, https=True):
        """Start a model under the public name."""
        await model.start(ssl=(server or self.authority.server_context(NAME)) if https else None, host=NAME)
        self._started.append(model)

    async def visit(self, model, *, addresses=(PUBLIC,), client=None, person=nobody, wanted=None, **settings):
        """Look at a published model; `wanted` are further fields of the visit."""
        return await visit(
            Visit(**{"url": model.resource, "timeout_seconds": 10, **(wanted or {})}),
            knowledge=self._knowledge,
            open_page=person,
            names=StageNames(*addresses),
            tls=client or self.authority.client_context(),
            **settings,
        )

    async def close(self):
        for model in self._started:
            await model.stop()
        self._started.clear()
