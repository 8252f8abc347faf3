"""Servers without an MCP endpoint at the URL that the user enters."""

from aiohttp import web

from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer, faulty


@faulty("no-mcp-server")
class WebServer(HealthyServer):
    """A web site: a page at its root, and 404 everywhere else."""

    def routes(self):
        return {("GET", "/"): "answer_page"}

    async def answer_page(self, request):
        return web.Response(text="<!doctype html><title>A shop</title>", content_type="text/html")


@faulty("no-mcp-server")
class SinglePageApplication(WebServer):
    """Every path and method gets the same page."""

    def routes(self):
        return {("*", "/{path:.*}"): "answer_page"}


@faulty("mcp-at-other-url")
class EnteredWithoutPath(HealthyServer):
    """The user enters the origin of a healthy server; the metadata at the root names the endpoint."""

    @property
    def entered(self):
        return f"{self.origin}/"


@faulty("mcp-at-other-url")
class EnteredWithWrongPath(EnteredWithoutPath):
    """Nothing names the endpoint, which has the usual path."""

    @property
    def entered(self):
        return f"{self.origin}/sse"

    def missing_routes(self):
        return {("GET", "/.well-known/oauth-protected-resource")}


@faulty("mcp-at-other-url")
class EnteredWithSlash(HealthyServer):
    """Nothing names the endpoint, whose path has no trailing slash."""

    mcp_path = "/api/notes"

    @property
    def entered(self):
        return f"{self.resource}/"

    def missing_routes(self):
        resource = "/.well-known/oauth-protected-resource"
        return {("POST", self.entered.removeprefix(self.origin)), ("GET", resource), ("GET", resource + self.mcp_path)}


@faulty("mcp-not-found")
class BesideAnotherServer(HealthyServer):
    """The metadata names the entered URL, which has no endpoint; the server at the usual path is another one."""

    mcp_path = "/notes"

    def missing_routes(self):
        return {("POST", self.mcp_path), ("POST", f"{self.mcp_path}/")}

    def routes(self):
        return super().routes() | {("POST", "/mcp"): "answer_mcp"}
