"""The JSON of protocol buffers knows every member by two names, camelCase and snake_case. Only camelCase is read and written."""

import re
from functools import lru_cache
from typing import Any

from omnillm.protocols.shapes import Unfit

_INNER = re.compile(r"(?<=[A-Za-z0-9])_([A-Za-z0-9])")


def camel(owner: dict[str, Any]) -> dict[str, Any]:
    """Return a message with all its members in camelCase. What they hold is not looked at."""
    for name in owner:
        if "_" in name:
            return _respelled(owner)
    return owner


def _respelled(owner: dict[str, Any]) -> dict[str, Any]:
    respelled: dict[str, Any] = {}
    for name, value in owner.items():
        other = _camel_name(name)
        if respelled.get(other) is not None and value is not None:
            raise Unfit(other, "said in one spelling")
        if value is not None or other not in respelled:
            respelled[other] = value
    return respelled


@lru_cache(512)
def _camel_name(name: str) -> str:
    return _INNER.sub(lambda match: match[1].upper(), name)
