"""Errors of the Responses API: the error object is that of Chat Completions, the end of a stream is its own."""

from collections.abc import Mapping
from typing import Any

import msgspec

from omnillm.protocols.openai_chat import failure as chat
from omnillm.protocols.openai_chat.failure import error_of
from omnillm.protocols.openai_responses.peek import peek_reply
from omnillm.protocols.protocol import Failure, Fault


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, wall: float) -> Failure:
    """As in a chat; a failed response under a success status also tells what it used."""
    failure = chat.read_failure(status, headers, body, wall)
    return failure if status >= 400 else msgspec.structs.replace(failure, usage=peek_reply(body).usage)


def write_stream_fault(fault: Fault, next_sequence: int) -> bytes:
    """The two events that end a stream already begun: `error`, nested and flat for both styles of SDK, then `response.failed`.

    `next_sequence` is the number that the first of them gets. A detail `response_id` names the response that the provider
    began; without it the failed response is named after the request.
    """
    details = dict(fault.details)
    response_id = details.pop("response_id", None) or f"resp_{fault.request_id}"
    error = error_of(msgspec.structs.replace(fault, details=details))
    flat = {"code": error["code"], "message": error["message"], "param": None}
    announced = {"type": "error", "sequence_number": next_sequence, "error": error, **flat}
    failed = {
        "type": "response.failed",
        "sequence_number": next_sequence + 1,
        "response": _failed_response(fault, str(response_id)),
    }
    return b"event: error\ndata: %b\n\nevent: response.failed\ndata: %b\n\n" % (msgspec.json.encode(announced), msgspec.json.encode(failed))


def _failed_response(fault: Fault, response_id: str) -> dict[str, Any]:
    """A response with all members that a strict reader asks for. `created_at` is zero: nothing here keeps time."""
    return {
        "id": response_id,
        "object": "response",
        "created_at": 0,
        "status": "failed",
        "error": {"code": _closed_code(fault.status), "message": fault.message},
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": "",
        "output": [],
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }


def _closed_code(status: int) -> str:
    """The code of a failed response is a closed enumeration; the gateway's own word stands in the `error` event."""
    if status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if 400 <= status < 500 and status not in {402, 408} else "server_error"
