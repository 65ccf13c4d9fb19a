"""`/v1/models`: three clients ask for it at the same path, and each gets the list in the form that its SDK can read."""

from collections.abc import Sequence

import msgspec

from omnillm.errors import UnknownModel
from omnillm.gateway.call import Caller
from omnillm.protocols.protocol import Protocol
from omnillm.routing.router import Router
from omnillm.server.front.reply import Reply
from omnillm.server.front.requests import Request
from omnillm.server.paths import GEMINI, MESSAGES, protocol_of, without_prefix

_PATHS = ("/v1/models", "/v1beta/models")
METHODS = ("GET", "HEAD")
_CREATED = 1_700_000_000
"""A constant: the SDKs require a time, and the gateway has no honest one to give."""
_CREATED_ISO = "2023-11-14T22:13:20Z"


def is_models_path(path: str, method: str) -> bool:
    """`POST models/x:predict` is none: it asks for a Gemini method that is not served; nor is what such a method goes on as."""
    is_below = path.startswith(_PATHS) and (path in _PATHS or path[path.index("/models") + 7] == "/")
    return is_below and not (method == "POST" and ":" in path) and "/operations/" not in path


async def respond(request: Request, reply: Reply, router: Router, caller: Caller) -> None:
    reply.send(200, b"content-type: application/json\r\n", render_models(without_prefix(request.path), request, router, caller))


def render_models(path: str, request: Request, router: Router, caller: Caller) -> bytes:
    protocol = MESSAGES if b"anthropic-version" in request.headers else _openai_or_gemini(path, request)
    wanted = path.partition("/models")[2].removeprefix("/")
    if not wanted:
        return msgspec.json.encode(_LISTS.get(protocol.name, _openai_list)(router.models(allowed=caller.models)))
    if not router.knows(wanted, allowed=caller.models):
        raise UnknownModel(f"There is no model {wanted!r} for this key.")
    return msgspec.json.encode(_ENTRIES.get(protocol.name, _openai_entry)(wanted))


def _openai_or_gemini(path: str, request: Request) -> Protocol:
    return GEMINI if "key=" in request.query else protocol_of(path, request.headers)


def _openai_entry(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "omnillm"}


def _openai_list(names: Sequence[str]) -> dict[str, object]:
    return {"object": "list", "data": [_openai_entry(name) for name in names]}


def _anthropic_entry(name: str) -> dict[str, object]:
    return {"type": "model", "id": name, "display_name": name, "created_at": _CREATED_ISO, "lifecycle": "active"}


def _anthropic_list(names: Sequence[str]) -> dict[str, object]:
    ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return {"data": [_anthropic_entry(name) for name in names], "has_more": False, **ends}


def _gemini_entry(name: str) -> dict[str, object]:
    methods = ["generateContent", "streamGenerateContent", "countTokens"]
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods}


def _gemini_list(names: Sequence[str]) -> dict[str, object]:
    return {"models": [_gemini_entry(name) for name in names]}


_LISTS = {"anthropic_messages": _anthropic_list, "gemini_generate_content": _gemini_list}
_ENTRIES = {"anthropic_messages": _anthropic_entry, "gemini_generate_content": _gemini_entry}
