"""A plugin of fixtures: logs configured as a service configures them, and all that is printed."""

import pytest

from shared.logs.configuration import configure_command_logs


@pytest.fixture(params=["json", "console"])
def log_format(request):
    return request.param


@pytest.fixture
def output(log_format, capfd):
    """Begin to log as the service does; `output()` is everything printed since."""

    def begin():
        capfd.readouterr()
        configure_command_logs(level="debug", log_format=log_format)

    def read():
        printed = capfd.readouterr()
        return printed.out + printed.err

    read.begin = begin
    return read
