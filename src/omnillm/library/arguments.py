"""What a program gives a call, refused in Python's own words where it is of a wrong type."""

from types import UnionType
from typing import Final

import msgspec

from omnillm.errors import BadRequest

MOST_NOTED: Final = 1024
"""Bytes of a session's name, and of tags."""


def encoded(value: object) -> bytes:
    """As JSON. BadRequest: it holds a text that is not Unicode. TypeError: it holds an object that is no JSON value."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        raise BadRequest("A text of the request holds half a surrogate pair, which is no character.", code="invalid_json") from error
    except TypeError as error:
        words = f"the request holds what is no value of JSON's ({error}): a schema is a dict, such as pydantic's model_json_schema()"
        raise TypeError(words) from error


def check_kind(value: object, kind: type | UnionType, words: str) -> None:
    """TypeError: it is of another kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{words}, not a {type(value).__name__}")


def check_text(text: object, name: str) -> str:
    """TypeError: it is none (a UUID, a dict of tags)."""
    if not isinstance(text, str):
        form = ": they are written 'team=a,env=prod'" if name == "tags" else ""
        raise TypeError(f"{name} must be a str, not a {type(text).__name__}{form}")
    return text


def ledger_text(text: str, name: str) -> str:
    """A text for a call's row, cut to `MOST_NOTED` bytes. BadRequest: the ledger could not hold it."""
    try:
        return check_text(text, name).encode()[:MOST_NOTED].decode(errors="ignore")
    except UnicodeEncodeError as error:
        raise BadRequest(f"`{name}` holds half a surrogate pair, which is no character.") from error
