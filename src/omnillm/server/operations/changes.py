"""A line in the log for each change that was made through the admin API."""

import logging

from starlette.requests import Request

_log = logging.getLogger("omnillm.admin")


def tell(request: Request, change: str) -> None:
    """What has been done, and from which address it was asked for."""
    _log.info("%s, by %s", change, "a local socket" if request.client is None else request.client.host)
