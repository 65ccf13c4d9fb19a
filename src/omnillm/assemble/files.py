"""What a server asks of its process's files: enough of them for its connections, and none in the place of a standard one."""

import logging
import os
import resource
from typing import Final

from omnillm.config.settings import ServerSettings

log = logging.getLogger("omnillm")

BESIDE_CONNECTIONS: Final = 256
"""The ledger's, the spools', the idle connections'."""


def hold_standard_files() -> None:
    """Before anything is opened: one that was closed when the process began would be a socket's, or the ledger's, and be logged into."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)


def take_files(server: ServerSettings) -> None:
    """Raise the soft limit, as far as the hard one lets it, to what the connections need: each call has two, and one may close late."""
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
