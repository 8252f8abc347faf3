"""All the ill servers there are, found by walking the subclasses of the healthy one."""

from tests.doctor.zoo import (
    faults_authorization,
    faults_calls,
    faults_endpoint,
    faults_endpoints,
    faults_keys,
    faults_login,
    faults_registration,
    faults_renewal,
    faults_resource_metadata,
    faults_server_metadata,
    faults_step_up,
    faults_token,
    opaque,
)
from tests.doctor.zoo.healthy import HealthyServer

MODULES = (
    faults_authorization,
    faults_calls,
    faults_endpoint,
    faults_endpoints,
    faults_keys,
    faults_login,
    faults_registration,
    faults_renewal,
    faults_resource_metadata,
    faults_server_metadata,
    faults_step_up,
    faults_token,
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
