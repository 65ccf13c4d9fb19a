"""The process's file descriptors: enough for a server's connections, and the standard ones open."""

import logging
import os
import resource
from typing import Final

from omnillm.config.settings import ServerSettings

log = logging.getLogger("omnillm")

BESIDE_CONNECTIONS: Final = 256
"""Descriptors for the ledger, spools and idle connections."""


def hold_standard_files() -> None:
    """Open the standard files that are closed, before anything else: a socket or the ledger would get their numbers, and be logged into."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)


def take_files(server: ServerSettings) -> None:
    """Raise the soft limit, as far as the hard one allows, to what the connections need: two for each call, and one that closes late."""
    needed = 2 * server.limits.connections
    wanted = needed + BESIDE_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < needed:
        log.warning(
            "the process may open %d files, and server.limits.connections (%d) may need %d: raise the limit (LimitNOFILE), or lower that",
            most,
            server.limits.connections,
            needed,
        )
