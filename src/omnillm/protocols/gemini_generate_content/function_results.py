"""`functionResponse.response`: a JSON object to Gemini, content elsewhere.

{"result": text} and {"output": text} are a text, {"error": ...} is a call that failed, any other object is itself. A value that would be
read as one of these is written inside {"result": ...}.
"""

from typing import Any, NamedTuple

import msgspec

from omnillm.model.message import Json, Text

_RESULTS = ("result", "output")


class Answered(NamedTuple):
    content: Text | Json | None
    is_error: bool


def read_response(response: dict[str, Any]) -> Answered:
    if len(response) != 1:
        return Answered(Json(value=response) if response else None, is_error=False)
    [(name, value)] = response.items()
    if name == "error":
        return Answered(_content(value), is_error=True)
    if name not in _RESULTS:
        return Answered(Json(value=response), is_error=False)
    if type(value) is dict and not _needs_wrapping(value):
        return Answered(Json(value=response), is_error=False)
    return Answered(_content(value), is_error=False)


def write_response(value: Any, *, is_error: bool) -> dict[str, Any]:
    """Write a text or another JSON value."""
    if is_error:
        return {"error": value}
    if type(value) is dict and not _needs_wrapping(value):
        return value
    return {"result": value}


def json_text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _content(value: Any) -> Text | Json:
    return Text(text=value) if type(value) is str else Json(value=value)


def _needs_wrapping(value: dict[str, Any]) -> bool:
    """Tell whether it would be read as something else."""
    while len(value) == 1:
        [(name, inner)] = value.items()
        if name not in _RESULTS:
            return name == "error"
        if type(inner) is not dict:
            return True
        value = inner
    return not value
