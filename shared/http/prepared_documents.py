"""Public documents, and the answers to plain requests for them before the application, with prepared bytes.

What the application does around such a request is done here in one step: the client's address, the rate limit, the
request id, the log line, the metrics, the headers for browsers of other origins and for HTTPS. The application remains
the reference, and answers whatever is not plain: other methods, a body or headers that it checks, a trace, a long poll,
a client beyond its limit, a connection that ends with the answer. tests/shared/http/test_prepared_documents.py compares
both answers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import HttpVersion11, web
from multidict import istr

from shared.http.request_middleware import REQUEST_ID_HEADER, client_address_setter, http_date, request_id_of, sent
from shared.http.tracing import TRACEPARENT, spans_are_created
from shared.logs.line_template import request_logger

if TYPE_CHECKING:
    import structlog

    from shared.http.request_middleware import RequestMetrics
    from shared.ip_addresses import IPNetwork
    from shared.logs.line_template import LogRequest

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
CountRequest = Callable[[str], str | None]
"""Counts a request of a client's address. The lines of the rate limit's header fields, each with its end, or None,
without effect, beyond the limit."""

_CONTENT_ENCODING: Final = istr("Content-Encoding")
_CONTENT_TYPE: Final = istr("Content-Type")
_TRANSFER_ENCODING: Final = istr("Transfer-Encoding")
_UPGRADE: Final = istr("Upgrade")

_FIELD: Final = re.compile(r"[!-9;-~]+: [ -~]*")
"""A header line without any control character."""


@dataclass(frozen=True, eq=False, slots=True)
class Document:
    """One answer to GET. Make one for each version, not for each request: what is prepared of it is kept for it."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    note: Callable[[web.BaseRequest, str], object] | None = None
    """Called with each request that is answered with it and the client's address, after the rate limit."""

    @property
    def response(self) -> web.Response:
        """The document as an answer of the application."""
        return web.Response(status=self.status, body=self.body or None, headers=self.headers)


def json_document(body: bytes, *, cache_control: str) -> Document:
    """A JSON document that does not change while the process runs."""
    return Document(body, {"Content-Type": "application/json", "Cache-Control": cache_control})


FindDocument = Callable[[web.BaseRequest], Document | None]
"""The document that answers this GET now, found without any effect; None if the application must answer."""


class PreparedDocuments:
    """The documents of one service, by path."""

    def __init__(
        self,
        documents: Mapping[str, FindDocument],
        *,
        fixed_headers: Callable[[str], Mapping[str, str]],
        trusted: Sequence[IPNetwork],
        count: CountRequest,
        metrics: RequestMetrics,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """`fixed_headers` are those that the application adds to every answer of a path; `trusted` are its proxies.

        Raises ValueError for a path that is not below /.well-known/: there the host of a request would count.
        """
        if not all("/.well-known/" in path for path in documents):
            raise ValueError("a prepared document is below /.well-known/")
        self._documents = dict(documents)
        self.paths = frozenset(documents)
        self._fixed_headers = fixed_headers
        self._set_client_address = client_address_setter(trusted)
        self._count = count
        self._metrics = metrics
        self._log = log
        self._prepared = lru_cache(64)(self._prepare)
        self._date: tuple[int, bytes] = (0, b"")

    async def answer(self, request: web.BaseRequest, application: Answer) -> web.StreamResponse:
        """Answer a request for one of the paths, or let the application answer it."""
        started = time.perf_counter()
        path = request.raw_path
        document = self._documents[path](request) if _is_plain(request) else None
        if document is None:
            return await application(request)
        address = self._set_client_address(request)
        limits = self._count(address)
        if limits is None:
            return await application(request)
        if document.note is not None:
            document.note(request, address)
        request_id = request_id_of(request)
        elapsed = time.perf_counter() - started
        self._metrics.observe(method="GET", route=path, status=document.status, seconds=elapsed)
        head, log_request = self._prepared(path, document)
        log_request(request_id, round(elapsed * 1000, 2))
        try:  # suppress() would cost more than these two lines
            end = f"{limits}{REQUEST_ID_HEADER}: {request_id}\r\n\r\n".encode("ascii")
            await request.writer.write_eof(b"".join((head, self._date_line(), end, document.body)))
        except ConnectionError:  # the client is gone: no request that came with this one is handled
            return sent(document.status, keeps_alive=False)
        return sent(document.status)

    def _prepare(self, path: str, document: Document) -> tuple[bytes, LogRequest]:
        # At the first request, not before: then the log is configured.
        log_request = request_logger(self._log, method="GET", route=path, status=document.status)
        return self._head_of(path, document), log_request

    def _head_of(self, path: str, document: Document) -> bytes:
        headers = {**document.headers, **self._fixed_headers(path)}
        if document.status == HTTPStatus.OK:
            headers["Content-Length"] = str(len(document.body))
        lines = [f"{name}: {value}" for name, value in headers.items()]
        if not all(map(_FIELD.fullmatch, lines)):
            raise ValueError("a header has a control character")
        status = HTTPStatus(document.status)
        return "\r\n".join([f"HTTP/1.1 {status.value} {status.phrase}", *lines, ""]).encode("ascii")

    def _date_line(self) -> bytes:
        second = int(time.time())
        if second != self._date[0]:
            self._date = second, f"Date: {http_date(second)}\r\n".encode("ascii")
        return self._date[1]


PREPARED_DOCUMENTS: Final = web.AppKey("prepared_documents", PreparedDocuments)


def documents_of(app: web.Application) -> PreparedDocuments | None:
    """The prepared documents of the application; None if it makes spans, which begin outside of its middlewares."""
    return None if spans_are_created() else app.get(PREPARED_DOCUMENTS)


def _is_plain(request: web.BaseRequest) -> bool:
    """Whether no check and no middleware of the application would do more with the request than is done here."""
    headers: Any = request.headers
    return (
        request.method == "GET"
        and request.version == HttpVersion11
        and request.keep_alive
        and not request.body_exists
        and _CONTENT_TYPE not in headers
        and _CONTENT_ENCODING not in headers
        and _TRANSFER_ENCODING not in headers
        and _UPGRADE not in headers
        and TRACEPARENT not in headers
    )
