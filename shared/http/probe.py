"""Readiness probe for the health check of a container: `python -m shared.http.probe PORT`; status 0 means ready."""

from __future__ import annotations

import http.client
import sys

TIMEOUT_SECONDS = 2.0


def is_ready(port: int, *, host: str = "127.0.0.1") -> bool:
    """Whether `/readyz` answers 200 within two seconds."""
    return _get(port, host)[0] == 200


def readiness(port: int, *, host: str = "127.0.0.1") -> bytes | None:
    """The JSON of `/readyz`, of a service that is ready or not, if it answers within two seconds."""
    return _get(port, host)[1]


def _get(port: int, host: str) -> tuple[int | None, bytes | None]:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return None, None
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_ready(int(sys.argv[1])))
