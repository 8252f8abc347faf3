"""Findings that need DNS, a certificate or a slow clock: models published under a public name."""

import ssl

import pytest

from sallyport_doctor.http_exchange import Failure
from sallyport_doctor.http_probe import HttpProbe
from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer
from tests.sallyport_doctor.faulty_servers.not_mcp import WebServer
from tests.sallyport_doctor.publishing import NAME, PUBLIC, FakeDns, Publisher


class SlowClock:
    """A clock that a model advances, so that the test does not wait."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
async def publisher(knowledge):
    publisher = Publisher(knowledge)
    yield publisher
    await publisher.close()


@pytest.fixture
def authority(publisher):
    return publisher.authority


@pytest.fixture
def published(publisher):
    """Publish a model under a public name and examine it."""

    async def examine(model, *, server=None, https=True, **settings):
        await publisher.publish(model, server=server, https=https)
        return await publisher.examine(model, **settings)

    return examine


def ids(diagnosis):
    return {f.id for f in diagnosis.findings}


def outcomes(diagnosis):
    return {v.client: v.outcome.value for v in diagnosis.verdicts}


async def test_a_healthy_server_under_a_public_name_has_no_finding_and_no_remark(published):
    diagnosis = await published(HealthyServer())
    assert (ids(diagnosis), diagnosis.remarks) == (set(), ())


class AtDefaultPort(HealthyServer):
    """Reached at port 443; its resource metadata writes the port of the issuer, its other documents do not."""

    named = f"https://{NAME}:443"

    async def start(self, **arguments):
        await super().start(**arguments)
        self.origin = f"https://{NAME}"

    def resource_metadata(self):
        return super().resource_metadata() | {"authorization_servers": [self.named]}


class WithoutPort(AtDefaultPort):
    """The control: the same server, its issuer written in one way."""

    named = f"https://{NAME}"


async def test_a_default_port_in_one_of_two_places_fails_clients_that_compare_issuers(published):
    diagnosis = await published(AtDefaultPort())
    assert ids(diagnosis) == {"issuer-default-port"}
    assert {name for name, outcome in outcomes(diagnosis).items() if outcome == "fails"} >= {"claude", "vscode"}
    assert outcomes(diagnosis)["python-sdk"] == "works"


async def test_without_the_default_port_there_is_no_finding(published):
    assert ids(await published(WithoutPort())) == set()


class NamesInternalEndpoint(WebServer):
    """No endpoint here; its metadata names one inside the operator's network."""

    def routes(self):
        return super().routes() | {("GET", "/.well-known/oauth-protected-resource"): "answer_resource_metadata"}

    def resource_metadata(self):
        return super().resource_metadata() | {"resource": "http://10.1.2.3/mcp"}


async def test_an_endpoint_that_metadata_names_in_a_private_network_is_not_asked(published):
    diagnosis = await published(NamesInternalEndpoint())
    assert ids(diagnosis) == {"no-mcp-server", "document-names-private-address"}


async def test_plain_http_on_a_public_name_is_named_once(published):
    assert ids(await published(HealthyServer(), https=False)) == {"plain-http"}


async def test_one_private_address_among_public_ones_shuts_out_hosted_clients_only(published):
    diagnosis = await published(HealthyServer(), addresses=(PUBLIC, "10.1.2.3"))
    assert ids(diagnosis) == {"address-not-public"}
    assert (outcomes(diagnosis)["claude"], outcomes(diagnosis)["vscode"]) == ("fails", "works")


async def test_a_name_without_ipv4_shuts_out_claude(published):
    diagnosis = await published(HealthyServer(), addresses=("2606:2800:220:1:248:1893:25c8:1946",))
    assert ids(diagnosis) == {"ipv4-missing"}
    assert outcomes(diagnosis)["claude"] == "fails"


async def test_an_unknown_authority_is_the_only_finding(published):
    assert ids(await published(HealthyServer(), client=ssl.create_default_context())) == {"tls-untrusted"}


async def test_an_expired_certificate_is_the_only_finding(published, authority):
    server = authority.server_context(NAME, days=-1)
    assert ids(await published(HealthyServer(), server=server)) == {"tls-expired"}


async def test_another_hosts_certificate_is_the_only_finding(published, authority):
    assert ids(await published(HealthyServer(), server=authority.server_context("other.example"))) == {"tls-wrong-name"}


async def test_a_certificate_near_its_end_is_a_note(published, authority):
    diagnosis = await published(HealthyServer(), server=authority.server_context(NAME, days=5))
    assert (ids(diagnosis), diagnosis.exit_status) == ({"tls-expires-soon"}, 0)


async def test_a_port_that_speaks_no_tls_is_the_only_finding(published):
    class SaysHttps(HealthyServer):
        async def start(self, **settings):
            await super().start(host=NAME)
            self.origin = self.origin.replace("http://", "https://")

    assert ids(await published(SaysHttps())) == {"tls-failed"}


@pytest.mark.parametrize(("seconds", "finding"), [(12, "response-too-slow"), (6, "response-slow"), (2, None)])
async def test_an_answer_is_held_against_the_clients_patience(published, seconds, finding):
    clock = SlowClock()

    class Cold(HealthyServer):
        async def answer_key_set(self, request):
            clock.seconds += seconds
            return await super().answer_key_set(request)

    assert ids(await published(Cold(), monotonic_clock=clock)) == ({finding} if finding else set())


async def test_a_public_document_that_names_a_private_address_is_told_and_not_followed(published):
    class InternalKeys(HealthyServer):
        def metadata(self):
            return super().metadata() | {"jwks_uri": "https://10.0.0.5/jwks.json"}

    assert ids(await published(InternalKeys())) == {"document-names-private-address"}


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data", "http://127.0.0.1:1/", "http://[::1]:1/", "http://10.0.0.1/"]
)
async def test_a_redirect_to_a_private_address_is_not_followed(authority, target):
    class Redirects(HealthyServer):
        async def answer_key_set(self, request):
            response = await super().answer_key_set(request)
            response.set_status(302)
            response.headers["Location"] = target
            return response

    model = Redirects()
    await model.start(ssl=authority.server_context(NAME), host=NAME)
    async with HttpProbe(model.resource, dns=FakeDns(PUBLIC), tls=authority.client_context()) as http:
        exchange = await http.get(f"{model.origin}/jwks.json")
    await model.stop()
    assert exchange.failure is Failure.NOT_PUBLIC


class TakesDocuments(HealthyServer):
    """Accepts the metadata documents of well-known clients except those in `refused`."""

    refused: tuple[str, ...] = ()

    async def answer_authorize(self, request):
        client_id = request.query["client_id"]
        if client_id.startswith("https://") and not any(host in client_id for host in self.refused):
            self.clients[client_id] = {"client_id": client_id, "redirect_uris": [request.query["redirect_uri"]]}
        return await super().answer_authorize(request)


async def test_a_published_server_that_takes_the_vendors_documents_has_no_finding(published):
    assert ids(await published(TakesDocuments(), options={"register": True})) == set()


async def test_a_refused_document_of_a_vendor_is_told_with_its_name(published):
    class BotCheckAtVendor(TakesDocuments):
        refused = ("claude.ai",)

    diagnosis = await published(BotCheckAtVendor(), options={"register": True})
    assert {f.id: f.observed for f in diagnosis.findings} == {"cimd-vendor-refused": "Claude: 400; Claude Code: 400"}
