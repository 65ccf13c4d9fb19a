"""https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest: Gemini, and Claude in its own Messages API."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from omnillm.errors import BadRequest
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT, GEMINI_INTERACTIONS
from omnillm.providers.anthropic_body import AnthropicBody
from omnillm.providers.endpoint import Endpoint, OwnPath
from omnillm.providers.paths import COUNT_TOKENS, GEMINI_OPERATIONS, GENERATE
from omnillm.secret import Secret

_GOOGLE = "/publishers/google/models/{model}:{method}"
_ANTHROPIC = "/publishers/anthropic/models/"
_CLAUDE = re.compile(r"^claude-")
_INTERACTIONS = re.compile(r"/(v1|v1beta1)(?:/projects/[^/]+/locations/([^/]+))?/interactions")
_GEMINI = re.compile(r"^(?!claude-)")
_OWN = re.compile(r"/(v1|v1beta1)(?:/projects/[^/]+/locations/([^/]+))?/publishers/(google|anthropic)/models/([^/:]+):([A-Za-z]+)")
_PUBLISHERS = {
    "google": (GEMINI_GENERATE_CONTENT, GEMINI_OPERATIONS),
    "anthropic": (ANTHROPIC_MESSAGES, {"rawPredict": (GENERATE, False), "streamRawPredict": (GENERATE, True)}),
}
"""Publisher of a model -> its protocol, and method -> (operation, whether it streams)."""
_COUNTING = "count-tokens"
_PLACE = re.compile(r"/projects/([^/]+)/")
_PROJECT = re.compile(r"\s*(?://[a-z.-]+/)?projects/([^/]+)/")
_NAMING = (
    *("cachedContent", "cached_content", "modelArmorConfig", "model_armor_config"),
    *("tools", "model", "agent", "environment", "previous_interaction_id"),
)
"""Members that name what is kept in a project."""
_FUNCTIONS = frozenset({"functionDeclarations", "function_declarations"})
_OF_A_FUNCTION = frozenset({"name", "description", "parameters"})


class _Told(msgspec.Struct, frozen=True, gc=False):
    type: str = ""


def _error_protocol(protocol: str, body: bytes) -> str:
    """The protocol of an error: Claude's own ones come through, those of the cloud before it are Google's."""
    if protocol != ANTHROPIC_MESSAGES:
        return protocol
    try:
        return ANTHROPIC_MESSAGES if msgspec.json.decode(body, type=_Told).type == "error" else GEMINI_GENERATE_CONTENT
    except UNREADABLE:
        return GEMINI_GENERATE_CONTENT


def _own_path(_: Endpoint, path: str) -> OwnPath | None:
    """What a path of Google's SDK, or of Anthropic's for Vertex AI, asks for. Whose project it names does not matter: it is not asked."""
    found = _INTERACTIONS.fullmatch(path)
    if found is not None:
        return OwnPath(protocol=GEMINI_INTERACTIONS, operation=GENERATE, version=found[1], location=found[2] or "")
    found = _OWN.fullmatch(path)
    if found is None:
        return None
    version, location, publisher, model, method = found.groups(default="")
    protocol, operations = _PUBLISHERS[publisher]
    if method not in operations:
        return None
    operation, is_stream = operations[method]
    if model == _COUNTING and protocol == ANTHROPIC_MESSAGES:
        return OwnPath(protocol=protocol, operation=COUNT_TOKENS, version=version, location=location)
    return OwnPath(protocol=protocol, operation=operation, model=model, is_stream=is_stream, version=version, location=location)


def _check_body(endpoint: Endpoint, body: bytes) -> None:
    """BadRequest: a member names something of another project, which these credentials might reach and the caller must not."""
    place = _PLACE.search(urlsplit(endpoint.base_url.reveal()).path)
    if place is None or (b"projects" not in body and b"\\u00" not in body):
        return
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    named = list(members.items())
    if bytes(members.get("setup", b"")).startswith(b"{"):  # the first message of a live session
        named += msgspec.json.decode(members["setup"], type=dict[str, msgspec.Raw]).items()
    for name, value in named:
        for text in _texts(msgspec.json.decode(value)) if name in _NAMING else ():
            found = _PROJECT.match(text)
            if found is not None and found[1] != place[1]:
                raise BadRequest(
                    f"`{name}` names something of another project, by its id or its number; what is of the provider's own project is named "
                    "by that project's id.",
                    code="foreign_project",
                )


def _texts(value: Any) -> Iterator[str]:
    """Every text in a body, except names and descriptions of a client's own functions."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            own = _OF_A_FUNCTION if each.get("type") == "function" else _FUNCTIONS
            waiting += [each[name] for name in each if name not in own]
        elif isinstance(each, list):
            waiting += each


VERTEX_AI = Endpoint(
    kind="vertex_ai",
    protocols=(GEMINI_GENERATE_CONTENT, ANTHROPIC_MESSAGES, GEMINI_INTERACTIONS),
    pinnable=(GEMINI_GENERATE_CONTENT, GEMINI_INTERACTIONS, ANTHROPIC_MESSAGES),
    base_url=Secret(""),
    version="",
    cloud_paths={
        (GEMINI_GENERATE_CONTENT, "generate", False): _GOOGLE,
        (GEMINI_GENERATE_CONTENT, "generate", True): _GOOGLE,
        (GEMINI_GENERATE_CONTENT, "count_tokens", False): _GOOGLE,
        (GEMINI_GENERATE_CONTENT, "realtime", False): "/ws/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent",
        (GEMINI_INTERACTIONS, "generate", False): "/interactions",
        (GEMINI_INTERACTIONS, "generate", True): "/interactions",
        (ANTHROPIC_MESSAGES, "generate", False): f"{_ANTHROPIC}{{model}}:rawPredict",
        (ANTHROPIC_MESSAGES, "generate", True): f"{_ANTHROPIC}{{model}}:streamRawPredict",
        (ANTHROPIC_MESSAGES, "count_tokens", False): f"{_ANTHROPIC}count-tokens:rawPredict",
    },
    serves={GEMINI_GENERATE_CONTENT: _GEMINI, GEMINI_INTERACTIONS: _GEMINI, ANTHROPIC_MESSAGES: _CLAUDE},
    bodies={ANTHROPIC_MESSAGES: AnthropicBody(version="vertex-2023-10-16", left_out=("model",))},
    error_protocol=_error_protocol,
    unsent=("anthropic-version",),
    passed=("api-revision",),
    dearer_fields={"x-vertex-ai-llm-shared-request-type": frozenset()},
    has_sessions=True,
    credentials="google",
    own_path=_own_path,
    checks={GEMINI_GENERATE_CONTENT: _check_body, GEMINI_INTERACTIONS: _check_body},
)
