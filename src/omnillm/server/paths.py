"""Which path speaks which protocol: one table, in which each request is looked up once."""

import re

import msgspec

from omnillm.endpoints.format import EMBEDDINGS, FORM_OPERATIONS, Format
from omnillm.endpoints.registry import FORMATS
from omnillm.protocols.protocol import Protocol
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.own_paths import operation_at
from omnillm.providers.paths import COUNT_TOKENS, GEMINI_FORMATS, GEMINI_OPERATIONS, GEMINI_SESSIONS, GENERATE, REALTIME

CHAT, RESPONSES = PROTOCOLS["openai_chat"], PROTOCOLS["openai_responses"]
MESSAGES, GEMINI = PROTOCOLS["anthropic_messages"], PROTOCOLS["gemini_generate_content"]
INTERACTIONS = PROTOCOLS["gemini_interactions"]
CONVERSE = PROTOCOLS["bedrock_converse"]
BEDROCK_PATHS = ("/model/", "/guardrail/", "/guardrail-checks/", "/async-invoke")
"""How Bedrock's paths begin."""
CLAUDE_ON_VERTEX = "/publishers/anthropic/"
INTERACTIONS_PATH = re.compile(r"^/v1(?:beta|alpha|beta1)?(?:/projects/[^/]+/locations/[^/]+)?/interactions(?:/|$)")
GOOGLE_PATHS = ("/v1alpha/", "/v1beta/", "/v1beta1/", "/v1/projects/", "/ws/google.")
"""How Google's paths begin, and nobody else's."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """An inference path. `model` and `is_stream` are set where the path says them (Gemini)."""

    protocol: Protocol
    operation: str
    model: str = ""
    is_stream: bool = False
    provider: str = ""
    """The only one that may answer: the path names it."""
    version: str = ""
    """Of a cloud's API, where its clients choose one."""
    location: str = ""
    """Where a cloud's client wants it computed."""
    is_form: bool = False
    """Its body is a form with files."""


def _family(wire_format: Format) -> Route:
    return Route(protocol=wire_format.protocol, operation=wire_format.operation, is_form=wire_format.operation in FORM_OPERATIONS)


ROUTES = {
    "/v1/chat/completions": Route(protocol=CHAT, operation=GENERATE),
    "/v1/responses": Route(protocol=RESPONSES, operation=GENERATE),
    "/v1/responses/input_tokens": Route(protocol=RESPONSES, operation=COUNT_TOKENS),
    "/v1/messages": Route(protocol=MESSAGES, operation=GENERATE),
    "/v1/messages/count_tokens": Route(protocol=MESSAGES, operation=COUNT_TOKENS),
    "/v1beta/interactions": Route(protocol=INTERACTIONS, operation=GENERATE),
    "/v1/interactions": Route(protocol=INTERACTIONS, operation=GENERATE),
    "/v1/realtime": Route(protocol=CHAT, operation=REALTIME),
    "/v1/embeddings": _family(FORMATS["openai_embeddings"]),
    "/v1/moderations": _family(FORMATS["openai_moderations"]),
    "/v1/rerank": _family(FORMATS["openai_rerank"]),
    "/v1/images/generations": _family(FORMATS["openai_image_generations"]),
    "/v1/images/edits": _family(FORMATS["openai_image_edits"]),
    "/v1/images/variations": _family(FORMATS["openai_image_variations"]),
    "/v1/audio/speech": _family(FORMATS["openai_speech"]),
    "/v1/audio/transcriptions": _family(FORMATS["openai_transcriptions"]),
    "/v1/audio/translations": _family(FORMATS["openai_translations"]),
}
METHODS = ("POST",)
HANDSHAKE = ("GET",)
"""What a WebSocket begins with."""
PREFIXES = ("/openai", "/anthropic", "/gemini")
"""Drop-in prefixes: an inference path acts under them as at the root."""
PROVIDERS = "/providers/"
"""Below it and a provider's name: the provider's own paths."""
GEMINI_MODELS = ("/v1beta/models/", "/v1/models/")


def inference_route(path: str) -> Route | None:
    """The inference route of a path as it came, drop-in prefix and all."""
    route = ROUTES.get(path)
    if route is not None:
        return route
    path = without_prefix(path)
    return ROUTES.get(path) or _gemini_route(path)


def meant_by(path: str) -> str:
    """The inference path that a client meant whose base URL has no version, two of them, or something before it; "": none."""
    for other in (f"/v1{path}", "/" + path[1:].partition("/")[2], path.rstrip("/")):
        if other != path and inference_route(other) is not None:
            return other
    return ""


def methods_of(route: Route) -> tuple[str, ...]:
    return HANDSHAKE if route.operation == REALTIME else METHODS


def _gemini_route(path: str) -> Route | None:
    if path in GEMINI_SESSIONS:
        return Route(protocol=GEMINI, operation=REALTIME)
    for prefix in GEMINI_MODELS:
        if path.startswith(prefix):
            model, _, method = path[len(prefix) :].rpartition(":")
            if model and method in GEMINI_FORMATS:
                return Route(protocol=FORMATS[GEMINI_FORMATS[method]].protocol, operation=EMBEDDINGS, model=model)
            if model and method in GEMINI_OPERATIONS:
                operation, is_stream = GEMINI_OPERATIONS[method]
                return Route(protocol=GEMINI, operation=operation, model=model, is_stream=is_stream)
    return None


def provider_route(provider: str, endpoint: Endpoint, rest: str) -> Route | None:
    """The inference route of a path of this provider's own, in a protocol that it speaks, or a wire format of a family that it has."""
    found = operation_at(endpoint, rest)
    if found is None:
        return None
    if found.protocol in FORMATS:
        return msgspec.structs.replace(_family(FORMATS[found.protocol]), model=found.model, provider=provider)
    return Route(
        protocol=PROTOCOLS[found.protocol],
        operation=found.operation,
        model=found.model,
        is_stream=found.is_stream,
        provider=provider,
        version=found.version,
        location=found.location,
    )


def split_provider(path: str) -> tuple[str, str] | None:
    """`/providers/{name}/{rest}` -> (name, "/rest"); None for any other path."""
    if not path.startswith(PROVIDERS):
        return None
    name, slash, rest = path[len(PROVIDERS) :].partition("/")
    return (name, slash + rest) if name and rest else None


def without_prefix(path: str) -> str:
    for prefix in PREFIXES:
        if path.startswith(prefix + "/"):
            return path[len(prefix) :]
    return path


def protocol_of(path: str, headers: dict[bytes, bytes]) -> Protocol:
    """The protocol in which a client of this path reads errors, also where the path is none of ours."""
    below = split_provider(path)
    path = path if below is None else below[1]
    route = inference_route(path)
    if route is not None:
        return route.protocol
    if INTERACTIONS_PATH.search(path):
        return INTERACTIONS
    if path.startswith(BEDROCK_PATHS):
        return CONVERSE
    if path.startswith("/v1/messages") or CLAUDE_ON_VERTEX in path or b"anthropic-version" in headers:
        return MESSAGES
    if path.startswith(GOOGLE_PATHS) or ":" in path or b"x-goog-api-key" in headers or b"x-goog-api-client" in headers:
        return GEMINI
    return RESPONSES if path.startswith("/v1/responses") else CHAT
