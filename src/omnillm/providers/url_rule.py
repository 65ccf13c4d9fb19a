"""The URL rule: path and query of the request line.

A base URL without a path gets the version segment (`/v1`, `/v1beta`); one with a path is used as it stands and only the operation is
appended; an operation that it already ends with is kept, not doubled. Its query is kept. With `is_compat` it is the whole URL, in which
`{model}` and `{method}` are filled in.
"""

import re
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from omnillm.protocols.protocol_names import GEMINI_GENERATE_CONTENT
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.paths import DOWNLOADS, GEMINI_METHODS, PATHS, UPLOADS
from omnillm.providers.urls import gemini_name, path_name, segment_name

PLAIN: Final = "/:@!$&'()*+,;=~-._"
"""Characters that need no encoding in a path."""
_VERSION = re.compile(r"/v1(?:beta1)?/(?=projects/|publishers/)")
"""The version in a path of Google's cloud."""
_CLOUD_PATH = re.compile(r"/(?:model|publishers)(?:/|$)")
"""Where an operation begins in a base URL that was copied whole."""
_PLACE = re.compile(r"/projects/[^/]+/locations/[^/]+")
"""The place in a base URL of Vertex AI."""


def request_target(
    endpoint: Endpoint, protocol: str, operation: str, *, model: str = "", is_stream: bool = False, version: str = ""
) -> bytes:
    """Path and query of the request line. BadRequest: a model name that could leave its place in the path.

    `version`: of a cloud's API, as its client chose it; "": that of the base URL.
    """
    url = urlsplit(endpoint.base_url.reveal())
    if operation == "realtime":
        return _session_target(endpoint, url, protocol, model, intent=version)
    is_gemini = protocol.startswith("gemini_")
    method = GEMINI_METHODS.get((operation, is_stream), "") if is_gemini else operation
    template = url.path if endpoint.is_compat else _root(endpoint, url) + _path(endpoint, protocol, operation, is_stream=is_stream)
    query = url.query
    if is_gemini and is_stream and "{method}" in template and "alt=" not in query:
        query = f"{query}&alt=sse" if query else "alt=sse"
    if operation == "count_tokens" and endpoint.counter is not None:
        model = endpoint.counter.name(model)
    if "{model}" in template:
        name = _name(endpoint, model, is_gemini=is_gemini)
        template = template.replace("{model}", name)
    if "{model}" in query:
        query = query.replace("{model}", quote(path_name(model), safe="%"))
    if version:
        template = _VERSION.sub(f"/{version}/", template, count=1)
    path, query = template.replace("{method}", method) or "/", query.replace("{method}", method)
    return (f"{path}?{query}" if query else path).encode("ascii")


def _session_target(endpoint: Endpoint, url: SplitResult, protocol: str, model: str, *, intent: str) -> bytes:
    """The target of a live session: OpenAI's query has the model, or that it only transcribes; Gemini's path stands beside the versions."""
    root, operation, query = _root(endpoint, url), _path(endpoint, protocol, "realtime", is_stream=False), url.query
    if protocol == GEMINI_GENERATE_CONTENT:
        root, _, version = _PLACE.split(root, maxsplit=1)[0].rpartition("/")
        operation = operation.replace("{version}", version)
    else:
        named = f"intent={intent}" if intent else f"{endpoint.session_parameter}={quote(model, safe='')}"
        query = f"{query}&{named}" if query else named
    return (f"{root}{operation}?{query}" if query else f"{root}{operation}").encode("ascii")


def _path(endpoint: Endpoint, protocol: str, operation: str, *, is_stream: bool) -> str:
    if endpoint.cloud_paths:
        return endpoint.cloud_paths[protocol, operation, is_stream]
    return endpoint.paths.get((protocol, operation)) or PATHS[protocol, operation]


def _name(endpoint: Endpoint, model: str, *, is_gemini: bool) -> str:
    if endpoint.is_compat:
        return path_name(model)
    if endpoint.cloud_paths:
        return segment_name(model)
    return gemini_name(model) if is_gemini else path_name(model)


def native_target(endpoint: Endpoint, path: str, query: str, *, encoded: str = "") -> bytes:
    """Path and query of the request line of a native call: `path` below the root, or Gemini's uploads, which stand at the origin.

    `encoded`: the path as it is to be sent, where that is known.
    """
    url = urlsplit(endpoint.base_url.reveal())
    root = "" if endpoint.is_compat or path.startswith((UPLOADS, DOWNLOADS)) else _root(endpoint, url)
    base = "" if endpoint.is_compat else url.query
    fixed = {part.partition("=")[0] for part in base.split("&")} | ({"api-version"} if endpoint.kind == "azure_openai" else set())
    joined = "&".join([*([base] if base else []), *(part for part in query.split("&") if part and part.partition("=")[0] not in fixed)])
    target = root + encoded if encoded else quote(root + path, safe=PLAIN)
    return (f"{target}?{joined}" if joined else target).encode("ascii")


def session_name(endpoint: Endpoint, model: str) -> str:
    """A model as the first message of a Gemini session names it: a cloud's stands in a place."""
    place = _PLACE.search(_root(endpoint, urlsplit(endpoint.base_url.reveal()))) if endpoint.cloud_paths else None
    return model if place is None or "/" in model else f"{place[0].removeprefix('/')}/publishers/google/models/{model}"


def _root(endpoint: Endpoint, url: SplitResult) -> str:
    """The path to which operations are appended."""
    path = url.path.rstrip("/")
    if endpoint.cloud_paths:
        return _CLOUD_PATH.split(path, maxsplit=1)[0]
    if not path:
        return f"/{endpoint.version}" if endpoint.version else ""
    if GEMINI_GENERATE_CONTENT in endpoint.protocols:
        head, _, tail = path.rpartition("/")
        path = head if ":" in tail else path
        return path.removesuffix("/models").removesuffix("/tunedModels")
    # "/models" stays: on some hosts (Azure's model inference) it is where chat lives.
    operations = {PATHS[key] for key in PATHS if key[0] in endpoint.protocols and key[1] != "models"}
    for operation in sorted(operations, key=len, reverse=True):
        if path.endswith(operation):
            return path.removesuffix(operation)
    return path
