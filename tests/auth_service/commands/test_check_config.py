"""`check-config`: what is wrong, and how to fix it."""

import base64
import contextlib
import json
import socket
import ssl
import threading
from datetime import UTC, datetime

import pytest

from auth_service.commands import check_config
from auth_service.federation.provider import ProviderDiagnosis
from shared.redis.certificate import ensure_certificate
from tests.support.fake_provider import FakeProvider, Upstreams
from tests.support.threaded_documents import serve_documents


def test_good_settings_and_a_good_store_pass(commands):
    result = commands.run("check-config")
    assert result.exit_code == 0
    assert "http://localhost:9000" in result.stdout
    assert "warning" not in result.stdout


def test_no_secret_is_shown(commands):
    output = commands.run("check-config").output + commands.run("check-config", "--json").output
    assert "42-8cQqw" not in output


def test_every_problem_is_named_with_what_the_setting_is_for(commands):
    result = commands.run("check-config", env={"AUTH_ISSUER": "http://example.org", "AUTH_PORT": "many"})
    assert result.exit_code == 4
    assert "AUTH_ISSUER" in result.stderr
    assert "Port to listen on." in result.stderr


def test_problems_are_told_to_programs_too(commands):
    result = commands.run("check-config", "--json", env={"AUTH_TYPO": "1"})
    assert result.exit_code == 4
    assert json.loads(result.stdout)["ok"] is False
    assert "AUTH_TYPO" in result.stdout


def test_a_store_that_is_away_is_a_status_of_its_own_and_can_be_left_out(commands):
    env = {"AUTH_REDIS_URL": "unix:///nonexistent/socket"}
    assert commands.run("check-config", env=env).exit_code == 3
    assert commands.run("check-config", "--offline", env=env).exit_code == 0


def test_a_new_key_is_32_bytes_needs_no_settings_and_differs_each_time(commands):
    commands.environment.clear()
    keys = {commands.run("check-config", "--new-key").stdout.strip() for _ in range(3)}
    assert len(keys) == 3
    assert {len(base64.urlsafe_b64decode(key + "=")) for key in keys} == {32}


def test_a_store_that_forgets_is_warned_about(commands, embedded_store):
    import asyncio

    from shared.redis.single import SingleRedisClient

    async def configure(policy, append_only):
        store = SingleRedisClient(embedded_store.url)
        await store.command("CONFIG", "SET", "maxmemory-policy", policy)
        await store.command("CONFIG", "SET", "appendonly", append_only)
        await store.close()

    asyncio.run(configure("allkeys-lru", "no"))
    try:
        output = commands.run("check-config").stdout
    finally:
        asyncio.run(configure("noeviction", "yes"))
    assert "noeviction" in output
    assert "appendonly" in output


@pytest.fixture
def tls_port(tmp_path):
    """Where a server with a certificate of `tmp_path` completes handshakes and then closes."""
    ensure_certificate(tmp_path, ["localhost"], now=datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")

    def serve(listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        # Wakes accept.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_store_with_a_certificate_of_another_authority_is_refused_and_the_reason_is_told(
    commands, tls_port, tmp_path
):
    other = tmp_path / "other"
    other.mkdir()
    ensure_certificate(other, ["localhost"], now=datetime.now(UTC))
    for authority in (other / "ca.pem", tmp_path / "none.pem"):
        url = f"rediss://:hunter2@localhost:{tls_port}/0?ssl_ca_certs={authority}"
        result = commands.run("check-config", env={"AUTH_REDIS_URL": url})
        assert result.exit_code == 3
        assert "CERTIFICATE_VERIFY_FAILED" in result.stderr or "No such file" in result.stderr
        assert "ssl_ca_certs" in result.stderr
        assert "hunter2" not in result.output


class TestScopesOfTheResource:
    @pytest.fixture
    def resource(self):
        """The environment for a resource that publishes its scopes, and the scopes."""
        with serve_documents() as (origin, documents):
            published: dict[str, list[str]] = {"notes:read": []}
            documents["/.well-known/oauth-protected-resource/mcp"] = {
                "resource": f"{origin}/mcp",
                "sallyport_scopes": published,
            }
            entry = {
                "identifier": f"{origin}/mcp",
                "name": "Notes",
                "scopes": {"notes:read": {"description": "Other words than those of the resource"}},
            }
            yield {"AUTH_RESOURCES": json.dumps([entry])}, published

    def test_those_that_agree_are_not_mentioned(self, commands, resource):
        result = commands.run("check-config", env=resource[0])
        assert result.exit_code == 0
        assert "warning" not in result.stdout
        assert "compared" not in result.stdout

    def test_a_difference_is_a_warning_with_the_command_that_fixes_it(self, commands, resource):
        environment, published = resource
        published["notes:write"] = ["notes:read"]
        result = commands.run("check-config", env=environment)
        assert result.exit_code == 0
        assert "/mcp: the resource requires notes:write, which the authorization server does not know" in result.stdout
        assert "python -m mcp_service check-config --print-resource" in result.stdout
        said = json.loads(commands.run("check-config", "--json", env=environment).stdout)
        assert any("notes:write" in warning for warning in said["warnings"])

    def test_a_resource_that_cannot_be_read_is_said_and_is_no_warning(self, commands):
        result = commands.run("check-config")
        assert "not compared: http://localhost:9001/mcp" in result.stdout
        assert "warning" not in result.stdout

    def test_nothing_is_asked_if_the_check_is_off(self, commands):
        assert "compared" not in commands.run("check-config", env={"AUTH_SCOPE_CHECK": "off"}).stdout


class TestIdentityProviders:
    @pytest.fixture
    def upstreams(self, monkeypatch):
        upstreams = Upstreams("acme", "globex")
        monkeypatch.setattr(check_config, "provider_factory", lambda *_args, **_kwargs: upstreams.build)
        return upstreams

    def test_the_problems_of_each_provider_are_shown_with_its_id(self, commands, upstreams, monkeypatch):
        async def diagnose(provider):
            problems = ("The metadata name another issuer.",) if provider.id == "globex" else ()
            return ProviderDiagnosis(problems=problems)

        monkeypatch.setattr(FakeProvider, "diagnose", diagnose)
        result = commands.run("check-config", env={"AUTH_IDENTITY_PROVIDERS": upstreams.setting})
        assert result.exit_code == 4
        assert "globex: The metadata name another issuer." in result.stderr
        assert "acme" not in result.stderr
        result = commands.run("check-config", "--json", env={"AUTH_IDENTITY_PROVIDERS": upstreams.setting})
        assert json.loads(result.stdout)["problems"] == ["globex: The metadata name another issuer."]

    def test_a_possible_problem_of_a_provider_is_a_warning_with_its_id(self, commands, upstreams, monkeypatch):
        async def diagnose(_provider):
            return ProviderDiagnosis(warnings=("It does not list the scopes groups.",))

        monkeypatch.setattr(FakeProvider, "diagnose", diagnose)
        result = commands.run("check-config", env={"AUTH_IDENTITY_PROVIDERS": upstreams.setting})
        assert result.exit_code == 0
        assert "warning: globex: It does not list the scopes groups." in result.stdout

    def test_they_are_asked_unless_offline_and_closed(self, commands, upstreams):
        result = commands.run("check-config", "--offline", env={"AUTH_IDENTITY_PROVIDERS": upstreams.setting})
        assert (result.exit_code, upstreams.fakes) == (0, {})
        result = commands.run("check-config", env={"AUTH_IDENTITY_PROVIDERS": upstreams.setting})
        assert result.exit_code == 0
        assert "2 identity provider(s)" in result.stdout
        assert [fake.closed for fake in upstreams.fakes.values()] == [True, True]

    def test_a_rule_that_no_provider_can_meet_is_warned_about_with_the_entry(self, commands, upstreams):
        (entry,) = json.loads(Upstreams("acme").setting)
        setting = json.dumps([entry | {"allow": {"everyone": True, "claims": {"phone_number": ["1"]}}}])
        for arguments in ((), ("--offline",)):
            result = commands.run("check-config", *arguments, env={"AUTH_IDENTITY_PROVIDERS": setting})
            assert result.exit_code == 0
            assert "warning: acme: allow names the claim 'phone_number', which never matches" in result.stdout
        result = commands.run("check-config", "--json", env={"AUTH_IDENTITY_PROVIDERS": setting})
        (warning,) = json.loads(result.stdout)["warnings"]
        assert warning.startswith("acme: ")
