"""A plugin of fixtures: logs configured as a service configures them, and all that is printed."""

import pytest

from shared.http.logs import configure_logs


@pytest.fixture(
    params=[
        "json",
        pytest.param("console", marks=pytest.mark.xfail(strict=True, reason="the console renders local variables")),
    ]
)
def log_format(request):
    return request.param


@pytest.fixture
def output(log_format, capfd):
    """Begin to log as the service does; `output()` is everything printed since."""

    def begin():
        capfd.readouterr()
        configure_logs(level="debug", log_format=log_format)

    def read():
        printed = capfd.readouterr()
        return printed.out + printed.err

    read.begin = begin
    return read
