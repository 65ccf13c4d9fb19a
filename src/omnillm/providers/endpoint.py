"""The profile of an upstream account: protocols, URL rule, authentication, headers.

URL rule. A base URL without a path gets the version segment (`/v1`, `/v1beta`); one with a path is used as it stands and only the
operation is appended; an operation that it already ends with is kept, not doubled. Its query is kept. With `is_compat` it is the whole
URL, in which `{model}` and `{method}` are filled in. Operations are "generate", "count_tokens", "models" and "realtime".
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from omnillm.endpoints.format import EMBEDDINGS
from omnillm.errors import BadRequest
from omnillm.framing.sse import FrameReader, SseReader
from omnillm.protocols.token_counts import COUNTS
from omnillm.providers.anthropic_body import AnthropicBody
from omnillm.providers.families import FAMILIES, FAMILY_PATHS, families_of, format_for, formats_of
from omnillm.providers.protocol_names import ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT, OPENAI_CHAT, OPENAI_RESPONSES
from omnillm.providers.urls import gemini_name, path_name, segment_name
from omnillm.secret import Secret
from omnillm.usage import Usage

PATHS = {
    (OPENAI_CHAT, "generate"): "/chat/completions",
    (OPENAI_CHAT, "models"): "/models",
    (OPENAI_CHAT, "realtime"): "/realtime",
    (OPENAI_RESPONSES, "generate"): "/responses",
    (OPENAI_RESPONSES, "count_tokens"): "/responses/input_tokens",
    (OPENAI_RESPONSES, "models"): "/models",
    (ANTHROPIC_MESSAGES, "generate"): "/messages",
    (ANTHROPIC_MESSAGES, "count_tokens"): "/messages/count_tokens",
    (ANTHROPIC_MESSAGES, "models"): "/models",
    (GEMINI_GENERATE_CONTENT, "generate"): "/{model}:{method}",
    (GEMINI_GENERATE_CONTENT, "count_tokens"): "/{model}:{method}",
    (GEMINI_GENERATE_CONTENT, "models"): "/models",
    (GEMINI_GENERATE_CONTENT, "realtime"): "/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent",
    **FAMILY_PATHS,
}
GEMINI_METHODS = {
    ("generate", False): "generateContent",
    ("generate", True): "streamGenerateContent",
    ("count_tokens", False): "countTokens",
}
GEMINI_FORMATS = {"embedContent": "gemini_embed_content", "batchEmbedContents": "gemini_batch_embed_contents"}
"""Method -> the wire format of embeddings that it is asked in."""
_VERSION = re.compile(r"/v1(?:beta1)?/(?=projects/|publishers/)")
"""Of Google's cloud, in a path."""
_CLOUD_PATH = re.compile(r"/(?:model|publishers)(?:/|$)")
"""Where an operation begins in a base URL that was copied whole."""
_PLACE = re.compile(r"/projects/[^/]+/locations/[^/]+")
"""Of Vertex AI, in a base URL."""
GEMINI_SESSIONS = frozenset(
    (
        *(f"/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent" for version in ("v1beta", "v1alpha", "v1")),
        *(f"/ws/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent" for version in ("v1beta1", "v1")),
    )
)
"""Where clients open live sessions, of Gemini's own API and of Vertex AI."""
DEPLOYMENT = re.compile(r"/deployments/([^/]+)(/.+)")
"""Azure's older paths name the model."""
UPLOADS = "/upload/"
SIGNING = "aws"
"""Credentials that sign a request with its body."""


class Bearer(msgspec.Struct, frozen=True, tag="bearer"):
    """`authorization: Bearer KEY`."""


class Header(msgspec.Struct, frozen=True, tag="header"):
    name: str


class Query(msgspec.Struct, frozen=True, tag="query"):
    """`?NAME=KEY`: such a request target is never logged."""

    name: str


class Entra(msgspec.Struct, frozen=True, tag="entra"):
    """`authorization: Bearer TOKEN`, a token of Microsoft Entra ID that is renewed."""


AuthScheme = Bearer | Header | Query | Entra


class Streaming(msgspec.Struct, frozen=True):
    """How a stream arrives."""

    content_type: bytes
    reader: Callable[[], FrameReader]


SSE = Streaming(b"text/event-stream", SseReader)


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's count of tokens that has words of its own: what clients ask for is said in them, and its number in theirs."""

    protocol: str
    """In which a request is said for it that a client has in a protocol which the provider does not speak."""
    name: Callable[[str], str]
    """What it calls a model."""
    ask: Callable[[str, bytes], bytes]
    """(protocol, body of a generation) -> the question."""
    read: Callable[[bytes], int | None]
    """The number in a reply; None: it has none."""


class OwnPath(msgspec.Struct, frozen=True, kw_only=True):
    """What an inference path asks for, as a provider's own clients write it."""

    protocol: str
    operation: str
    model: str = ""
    """"": it stands in the body."""
    is_stream: bool = False
    version: str = ""
    """Of a cloud's API, where its clients choose one; "": that of the base URL."""
    location: str = ""
    """Where a cloud's client wants it computed, where its path says so."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider is spoken to; the kinds' own profiles are values of this type, overridden by the configuration."""

    kind: str
    protocols: tuple[str, ...]
    """Those that it speaks, the default first."""
    pinnable: tuple[str, ...] = ()
    """Those that `protocol:` may pin; empty: `protocols`."""
    base_url: Secret
    """A Secret because people put credentials into its query; `origin_url` is what may be shown."""
    version: str
    """The version segment that a base URL without a path gets."""
    is_compat: bool = False
    auth: AuthScheme = Bearer()
    headers: tuple[tuple[str, Secret], ...] = ()
    """Configured ones, names lower-cased; they win over the client's."""
    fallback_headers: tuple[tuple[str, str], ...] = ()
    """Sent when neither the client nor the configuration names them."""
    chat_cap_member: str = ""
    """The output cap's name in chat, where a host knows it under another than OpenAI's own; "": the protocol's."""
    has_one_cap: bool = False
    """True: it refuses or ignores the output cap's other name, so a chat client's is renamed: what it says must bind."""
    asks_usage: bool = False
    """True: a chat stream reports usage only when `stream_options.include_usage` asks for it, so we inject it."""
    refused: tuple[str, ...] = ()
    """Members of a chat body that it refuses, and without which its reply is the same: they are not sent."""
    system_role: str = "system"
    """What chat calls the instructions, in what is written for it."""
    content: str = "parts"
    """parts, or string: it takes a message's content as one string only, in what is written for it."""
    paths: Mapping[tuple[str, str], str] = {}
    """Where it differs from `PATHS`."""
    has_sessions: bool = False
    """It holds live sessions over WebSocket."""
    session_parameter: str = "model"
    """The parameter that names the model of an OpenAI session."""
    is_keyless: bool = False
    """It may be asked without a key."""

    # Of clouds that serve other people's models at paths of their own.
    cloud_paths: Mapping[tuple[str, str, bool], str] = {}
    """(protocol, operation, is a stream) -> path below the base URL's; empty: `PATHS`."""
    serves: Mapping[str, re.Pattern[str]] = {}
    """Protocol -> which models can be asked in it; a protocol that does not stand here: all."""
    streams: Mapping[str, Streaming] = {}
    """Protocol -> how its streams arrive; one that does not stand here: as server-sent events."""
    anthropic_body: AnthropicBody | None = None
    """What becomes of a body of the Messages API."""
    counter: Counter | None = None
    """None: tokens are counted in a protocol that it speaks, or not at all."""
    error_protocol: Callable[[str, bytes], str] | None = None
    """(protocol, body of an error) -> the protocol whose words the error is in; None: the same."""
    unsent: tuple[str, ...] = ()
    """Header fields of the client that mean something else here."""
    passed: tuple[str, ...] = ()
    """Header fields of the client that mean something here alone."""
    dearer_fields: Mapping[str, frozenset[str]] = {}
    """Header fields of the client that change the price, each with the words that do not."""
    own_protocols: tuple[str, ...] = ()
    """Those that its clients can speak at `own_path`, whatever `protocol:` pins. Only what is in `protocols` is translated into."""
    own_path: "Callable[[Endpoint, str], OwnPath | None] | None" = None
    """What a path of its own clients asks for, where that is no path of `PATHS`."""
    read_usage: Callable[[Mapping[bytes, bytes]], Usage | None] | None = None
    """What the header fields of a native reply say of tokens."""
    check_body: "Callable[[Endpoint, bytes], None] | None" = None
    """BadRequest: a body names what its caller must not reach with the provider's credentials."""
    credentials: Literal["", "aws", "google"] = ""
    """Whose credentials a key may name in place of being one."""
    region: str = ""
    location: str = ""
    """Where a base URL of Google's says that it computes."""

    @property
    def origin_url(self) -> str:
        """Scheme, host and port."""
        url = urlsplit(self.base_url.reveal())
        return f"{url.scheme}://{url.netloc}"

    def protocols_for(self, model: str) -> tuple[str, ...]:
        """Return those in which a model can be asked, the default first."""
        serves = self.serves
        return tuple(name for name in self.protocols if name not in serves or serves[name].search(model)) if serves else self.protocols

    def speaks(self, protocol: str, operation: str = "generate", *, model: str = "") -> bool:
        if operation in FAMILIES:
            return self.format_for(protocol, operation, model=model) == protocol
        if protocol not in self.protocols_for(model) and protocol not in self.own_protocols:
            return False
        if self.is_compat:
            return operation == "generate" or (operation == "count_tokens" and "{method}" in self.base_url.reveal())
        return self.has_path(protocol, operation) and self._offers(operation)

    def counts_in(self, client_protocol: str, *, model: str) -> str:
        """The protocol in which it is asked to count tokens for a client; "": it does not count."""
        if self.speaks(client_protocol, "count_tokens", model=model):
            return client_protocol
        return "" if self.counter is None or client_protocol not in COUNTS else self.counter.protocol

    def has_path(self, protocol: str, operation: str) -> bool:
        """Whether there is an address for it, of whatever model."""
        return bool(self.path_of(protocol, operation))

    def path_of(self, protocol: str, operation: str) -> str:
        """Of a reply that is whole, or a session; "": there is none."""
        if self.cloud_paths:
            return self.cloud_paths.get((protocol, operation, False), "")
        return self.paths.get((protocol, operation)) or PATHS.get((protocol, operation), "")

    def _offers(self, operation: str) -> bool:
        return operation != "realtime" or self.has_sessions

    def format_for(self, client_format: str, family: str, *, model: str) -> str:
        """The wire format in which a model is asked for an endpoint family; "": it does not have that."""
        formats, serves = formats_of(self.kind, is_compat=self.is_compat), self.serves
        own = tuple(name for name in formats if name not in serves or serves[name].search(model)) if serves else formats
        return format_for(own, client_format, family)

    @property
    def operations(self) -> tuple[str, ...]:
        """What it can be asked for, for people."""
        return ("generate", *families_of(self.kind, is_compat=self.is_compat))

    def target(self, protocol: str, operation: str, *, model: str = "", is_stream: bool = False, version: str = "") -> bytes:
        """Path and query of the request line. BadRequest: a model name that could leave its place in the path.

        `version`: of a cloud's API, as its client chose it; "": that of the base URL.
        """
        url = urlsplit(self.base_url.reveal())
        if operation == "realtime":
            return self._session_target(url, protocol, model)
        is_gemini = protocol.startswith("gemini_")
        method = GEMINI_METHODS.get((operation, is_stream), "") if is_gemini else operation
        template = url.path if self.is_compat else self._root(url) + self._path(protocol, operation, is_stream=is_stream)
        query = url.query
        if is_gemini and is_stream and "{method}" in template and "alt=" not in query:
            query = f"{query}&alt=sse" if query else "alt=sse"
        if operation == "count_tokens" and self.counter is not None:
            model = self.counter.name(model)
        if "{model}" in template:
            name = self._name(model, is_gemini=is_gemini)
            template = template.replace("{model}", name)
        if "{model}" in query:
            query = query.replace("{model}", quote(path_name(model), safe="%"))
        if version:
            template = _VERSION.sub(f"/{version}/", template, count=1)
        path, query = template.replace("{method}", method) or "/", query.replace("{method}", method)
        return (f"{path}?{query}" if query else path).encode("ascii")

    def _path(self, protocol: str, operation: str, *, is_stream: bool) -> str:
        if self.cloud_paths:
            return self.cloud_paths[protocol, operation, is_stream]
        return self.paths.get((protocol, operation)) or PATHS[protocol, operation]

    def _name(self, model: str, *, is_gemini: bool) -> str:
        if self.is_compat:
            return path_name(model)
        if self.cloud_paths:
            return segment_name(model)
        return gemini_name(model) if is_gemini else path_name(model)

    def below_root(self, path: str) -> str:
        """A path as clients of this provider write it, without what stands before an operation: `/openai/v1/files` -> `/files`.

        The version may be left out, because a base URL without it is as good for an SDK.
        """
        for root in (f"/{self.version}", "/v1", "/openai"):
            if path.startswith(f"{root}/") and root != "/":
                return path[len(root) :]
        return path

    def native_path(self, path: str) -> str:
        """The path of a native call, below the root; one whole URL has none, and its paths stand at its origin."""
        return path if self.is_compat else self.below_root(path)

    def native_target(self, path: str, query: str, *, encoded: str = "") -> bytes:
        """Path and query of the request line of a native call: `path` below the root, or Gemini's uploads, which stand at the origin.

        `encoded`: the path as it is to be sent, where not every slash of it divides.
        """
        url = urlsplit(self.base_url.reveal())
        root = "" if self.is_compat or path.startswith(UPLOADS) else self._root(url)
        base = "" if self.is_compat else url.query
        fixed = {part.partition("=")[0] for part in base.split("&")} | ({"api-version"} if self.kind == "azure_openai" else set())
        joined = "&".join([*([base] if base else []), *(part for part in query.split("&") if part and part.partition("=")[0] not in fixed)])
        target = root + encoded if encoded else quote(root + path, safe="/:@!$&'()*+,;=~-._")
        return (f"{target}?{joined}" if joined else target).encode("ascii")

    def operation_at(self, path: str) -> OwnPath | None:
        """What a path of this provider's own asks for, that is for inference or an endpoint family; None for any other path."""
        own = self.own_path(self, path) if self.own_path is not None and not self.is_compat else None
        if own is not None:
            return own
        below = self.below_root(path)
        if GEMINI_GENERATE_CONTENT in self.protocols:
            if self.has_sessions and path in GEMINI_SESSIONS:
                return OwnPath(protocol=GEMINI_GENERATE_CONTENT, operation="realtime", is_stream=True)
            return _gemini_operation(below)
        deployed = DEPLOYMENT.fullmatch(below) if self.kind == "azure_openai" else None
        model, below = ("", below) if deployed is None else (deployed[1], deployed[2])
        spoken = (*self.protocols, *formats_of(self.kind, is_compat=self.is_compat))
        for (protocol, operation), template in PATHS.items():
            if template == below and operation != "models" and self._offers(operation) and protocol in spoken:
                return OwnPath(protocol=protocol, operation=operation, model=model)
        return None

    def check_request(self, headers: Mapping[bytes, bytes], location: str = "") -> None:
        """BadRequest: a field asks for what costs another price than the ledger would have, or the path for another location."""
        if location and self.location not in {"", location}:
            raise BadRequest(
                f"This provider computes in {self.location}, and the path asks for {location}: set the client's location (region) to "
                f"{self.location}. Which project it names does not matter: the provider's own is asked.",
                code="wrong_location",
            )
        for name, harmless in self.dearer_fields.items():
            value = headers.get(name.encode())
            if value is not None and value.decode("latin-1").lower() not in harmless:
                raise BadRequest(
                    f"The header {name} changes the price, and only {', '.join(sorted(harmless))} is taken: ask by the body instead, "
                    "in an operation whose body can say it.",
                    code="unsupported_header",
                )

    def _session_target(self, url: SplitResult, protocol: str, model: str) -> bytes:
        """Of a live session: OpenAI's names its model here; Gemini's stands beside the versions, and names it in its first message."""
        root, operation, query = self._root(url), self._path(protocol, "realtime", is_stream=False), url.query
        if protocol == GEMINI_GENERATE_CONTENT:
            root, _, version = _PLACE.split(root, maxsplit=1)[0].rpartition("/")
            operation = operation.replace("{version}", version)
        else:
            named = f"{self.session_parameter}={quote(model, safe='')}"
            query = f"{query}&{named}" if query else named
        return (f"{root}{operation}?{query}" if query else f"{root}{operation}").encode("ascii")

    def session_name(self, model: str) -> str:
        """A model as the first message of a Gemini session names it: a cloud's stands in a place."""
        place = _PLACE.search(self._root(urlsplit(self.base_url.reveal()))) if self.cloud_paths else None
        return model if place is None or "/" in model else f"{place[0].removeprefix('/')}/publishers/google/models/{model}"

    def _root(self, url: SplitResult) -> str:
        """The path to which operations are appended."""
        path = url.path.rstrip("/")
        if self.cloud_paths:
            return _CLOUD_PATH.split(path, maxsplit=1)[0]
        if not path:
            return f"/{self.version}" if self.version else ""
        if GEMINI_GENERATE_CONTENT in self.protocols:
            head, _, tail = path.rpartition("/")
            path = head if ":" in tail else path
            return path.removesuffix("/models").removesuffix("/tunedModels")
        # "/models" stays: on some hosts (Azure's model inference) it is where chat lives.
        operations = {PATHS[key] for key in PATHS if key[0] in self.protocols and key[1] != "models"}
        for operation in sorted(operations, key=len, reverse=True):
            if path.endswith(operation):
                return path.removesuffix(operation)
        return path


def _gemini_operation(path: str) -> OwnPath | None:
    name, colon, method = path.removeprefix("/models/").rpartition(":")
    if not (path.startswith("/models/") and colon and name):
        return None
    if method in GEMINI_FORMATS:
        return OwnPath(protocol=GEMINI_FORMATS[method], operation=EMBEDDINGS, model=name)
    for (operation, is_stream), known in GEMINI_METHODS.items():
        if known == method:
            return OwnPath(protocol=GEMINI_GENERATE_CONTENT, operation=operation, model=name, is_stream=is_stream)
    return None
