"""The certificates that are trusted."""

import ssl
from pathlib import Path

import certifi


def system_trust() -> ssl.SSLContext:
    """Verify against the system's trust store, or certifi's where the system has none (slim containers).

    Reading the store takes some 25 ms, so build it once, before the loop serves.
    """
    context = ssl.create_default_context()
    # Load balancers that prefer HTTP/2 fall back to HTTP/1.1 only when it is named.
    context.set_alpn_protocols(["http/1.1"])
    if not context.cert_store_stats()["x509_ca"] and not _holds_certificates(ssl.get_default_verify_paths().capath):
        context.load_verify_locations(certifi.where())
    return context


def _holds_certificates(directory: str | None) -> bool:
    # OpenSSL opens the files of a directory only when it looks for an issuer: the context cannot tell.
    return directory is not None and any(Path(directory).iterdir())
