"""Bases of models whose faults show only to a doctor that comes in."""

from types import MappingProxyType

from tests.doctor.zoo.healthy import HealthyServer

LOGIN = MappingProxyType({"login": True})
REGISTER = MappingProxyType({"register": True})


class Registering(HealthyServer):
    """A base: the doctor has to register to see these faults."""

    visit = REGISTER


class SigningIn(HealthyServer):
    """A base: the doctor has to sign in to see these faults."""

    visit = LOGIN
