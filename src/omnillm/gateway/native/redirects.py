"""Redirects to another path of the same provider. They are followed here, because the other path needs the key, which no client has.

Gemini's files are an example: `/v1beta/files/{id}:download` leads to `/download/v1beta/files/{id}:download`.
"""

from typing import Final
from urllib.parse import urlsplit

from omnillm.gateway.native.asks import NativeAsk, without_credentials
from omnillm.transport.client import Exchange

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
READS: Final = frozenset({"GET", "HEAD"})
MOST_HOPS: Final = 5


def elsewhere(ask: NativeAsk, exchange: Exchange) -> bytes | None:
    """Path and query where what was to be read lies at the same origin; None: the reply is the client's."""
    url = exchange.headers.get(b"location", b"").decode("latin-1")
    if ask.method not in READS or exchange.status not in REDIRECTS or not (url.isascii() and url.isprintable()) or " " in url:
        return None
    origin = ask.endpoint.origin_url
    place = url.removeprefix(origin) if url.startswith(f"{origin}/") else url
    if not place.startswith("/") or place.startswith("//"):
        return None
    parts = urlsplit(place)
    query = without_credentials(parts.query)
    return (f"{parts.path}?{query}" if query else parts.path).encode()
