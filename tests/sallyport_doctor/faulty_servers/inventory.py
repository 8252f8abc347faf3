"""Lists every faulty server by walking the subclasses of the healthy one."""

from tests.sallyport_doctor.faulty_servers import (
    faults_authorization,
    faults_capabilities,
    faults_keys,
    faults_login,
    faults_mcp_calls,
    faults_mcp_endpoint,
    faults_oauth_endpoints,
    faults_registration,
    faults_resource_metadata,
    faults_server_metadata,
    faults_step_up,
    faults_token,
    faults_token_lifecycle,
    not_mcp,
    opaque,
)
from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer

MODULES = (
    faults_authorization,
    faults_capabilities,
    faults_mcp_calls,
    faults_mcp_endpoint,
    faults_oauth_endpoints,
    faults_keys,
    faults_login,
    faults_registration,
    faults_token_lifecycle,
    faults_resource_metadata,
    faults_server_metadata,
    faults_step_up,
    faults_token,
    not_mcp,
    opaque,
)


def all_faults():
    """Every model with a `finds` of its own."""
    found, pending = [], [HealthyServer]
    while pending:
        for kind in pending.pop().__subclasses__():
            pending.append(kind)
            if "finds" in vars(kind):
                found.append(kind)
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))
