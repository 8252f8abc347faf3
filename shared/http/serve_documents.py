"""Lets an application answer requests for its public documents with prepared bytes (prepared_documents.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.http.application import fixed_headers
from shared.http.prepared_documents import PREPARED_DOCUMENTS, PreparedDocuments
from shared.http.request_middleware import client_address_setter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import structlog
    from aiohttp import web

    from shared.http.application import Cors
    from shared.http.document import FindDocument
    from shared.http.prepared_documents import CountRequest
    from shared.http.request_middleware import RequestMetrics
    from shared.ip_addresses import IPNetwork


def serve_documents(
    app: web.Application,
    documents: Mapping[str, FindDocument],
    *,
    cors: Mapping[str, Cors],
    is_https: bool,
    trusted: Sequence[IPNetwork],
    count: CountRequest,
    metrics: RequestMetrics,
    log: structlog.typing.FilteringBoundLogger,
) -> None:
    """Prepare the documents, by path. The rest is what the application was made with."""
    app[PREPARED_DOCUMENTS] = PreparedDocuments(
        documents,
        fixed_headers=fixed_headers(cors, is_https=is_https),
        set_client_address=client_address_setter(trusted),
        count=count,
        metrics=metrics,
        log=log,
    )
