"""Certificates: those that are trusted, and the server's own. An unusable file is told at the start, by its name."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from omnillm.config import configured
from omnillm.config.settings import Settings
from omnillm.errors import ConfigError
from omnillm.transport.tls import system_trust

STORE = "SSL_CERT_FILE"


def make_trust(settings: Settings, env: Mapping[str, str]) -> ssl.SSLContext | None:
    """None: nobody is reached by https yet, so that the trust store (30 ms) need not be read.

    ConfigError: the store that the environment names is empty; the system's would not be what was wanted.
    """
    urls = [endpoint.origin_url for endpoint in configured.endpoints(settings).values()]
    if settings.traces is not None:
        urls.append(settings.traces.endpoint.reveal())
    if not any(url.startswith("https:") for url in urls):
        return None
    if named := env.get(STORE):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(named)
        except OSError as error:
            reason = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
            raise ConfigError(f"{named} cannot be trusted: {reason}", path=STORE) from error
    return system_trust()


def make_server_tls(settings: Settings) -> ssl.SSLContext | None:
    """None: plain HTTP. ConfigError: a file cannot be read, or the key is not the certificate's."""
    tls = settings.server.tls
    if tls is None:
        return None
    for path, file in (("server.tls.cert", tls.cert), ("server.tls.key", tls.key)):
        try:
            Path(file).open("rb").close()
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", path=path) from error
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.cert, tls.key, password=_locked)
    except ssl.SSLError as error:
        is_mismatch = error.reason == "KEY_VALUES_MISMATCH"
        reason = "the key is not the certificate's" if is_mismatch else "cert must be a certificate in PEM, with its chain, and key its key"
        raise ConfigError(reason, path="server.tls") from error
    return context


def renew(context: ssl.SSLContext, renewed: ssl.SSLContext) -> None:
    """Show who connects from now on what another context holds: a certificate lasts weeks, a process may serve for longer.

    It is not loaded into the context that listens: that would keep a certificate with a key of another kind beside it, until it expires.
    """

    def show(handshake: ssl.SSLObject | ssl.SSLSocket, _name: str, _context: ssl.SSLContext) -> None:
        handshake.context = renewed

    context.sni_callback = show  # called without a name, too


def _locked() -> NoReturn:
    """Raise for a key with a passphrase: OpenSSL would ask for it at the terminal, which a service does not have."""
    raise ConfigError("is encrypted, and nobody is asked for a pass phrase: give it unencrypted", path="server.tls.key")
