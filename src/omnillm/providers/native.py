"""The native operations of providers, one table for each kind. What is in no table is refused.

A `{word}` in a pattern is an id of that kind, which only the provider key that made it knows; `{model}` is a model's name.
"""

import enum
import re
from collections.abc import Mapping
from functools import cache, partial
from typing import Any, Final, Literal

import msgspec

from omnillm.protocols.bound import CACHED_CONTENT, CONTAINER, CONVERSATION, FILE, INTERACTION, OBJECT, RESPONSE
from omnillm.protocols.protocol_names import GEMINI_GENERATE_CONTENT
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.urls import segment_name

BATCH: Final = "batch"
UPLOAD: Final = "upload"


class Metering(enum.StrEnum):
    """What an operation costs."""

    ZERO = "zero"
    STORAGE = "storage"
    """What a provider keeps: not billed by the call."""
    TOKENS = "tokens"
    UNITS = "units"
    PRICED = "priced"
    """By tokens and time together."""

    @property
    def is_free(self) -> bool:
        return self in {Metering.ZERO, Metering.STORAGE}

    @property
    def words(self) -> str:
        """What is counted, as a message says it."""
        return "tokens and time" if self is Metering.PRICED else self.value


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str
    """Below the provider's root; of Gemini's uploads, at its origin."""
    family: str
    metering: Metering = Metering.ZERO
    makes: str = ""
    """The kind of the object that its reply names by `id` (Gemini: `name`); for a compaction that of its items."""
    lists: str = ""
    """The kind of the objects that its reply lists."""
    stream: Literal["", "sse", "binary", "eventstream"] = ""
    """sse: events, to whoever asks for them. eventstream: AWS's. binary: a body of any size. "": a reply that is whole."""


def _operations(table: str) -> tuple[Operation, ...]:
    """Lines of `METHOD PATH FAMILY [METERING] [makes=KIND] [lists=KIND] [stream=MODE]`."""
    found = []
    for line in table.strip().splitlines():
        method, path, family, *rest = line.split()
        named: dict[str, Any] = dict(each.split("=") for each in rest if "=" in each)
        metering = next((Metering(each) for each in rest if "=" not in each), Metering.ZERO)
        found.append(Operation(method=method, path=path, family=family, metering=metering, **named))
    return tuple(found)


OPENAI: Final = _operations("""
    GET    /models                        models
    GET    /models/{model}                models
    POST   /files                         files        storage  makes=file
    GET    /files                         files                 lists=file
    GET    /files/{file}                  files
    DELETE /files/{file}                  files
    GET    /files/{file}/content          files                 stream=binary
    POST   /uploads                       uploads      storage  makes=upload
    POST   /uploads/{upload}/parts        uploads      storage
    POST   /uploads/{upload}/complete     uploads      storage
    POST   /uploads/{upload}/cancel       uploads
    POST   /batches                       batches      tokens   makes=batch
    GET    /batches                       batches               lists=batch
    GET    /batches/{batch}               batches
    POST   /batches/{batch}/cancel        batches
    GET    /responses/{response}          stored_responses      stream=sse
    DELETE /responses/{response}          stored_responses
    POST   /responses/{response}/cancel   stored_responses
    POST   /responses/compact             compactions   tokens   makes=compaction
    GET    /responses/{response}/input_items  stored_responses
    POST   /conversations                 conversations  storage  makes=conversation
    GET    /conversations/{conversation}  conversations
    POST   /conversations/{conversation}  conversations
    DELETE /conversations/{conversation}  conversations
    GET    /conversations/{conversation}/items         conversations
    POST   /conversations/{conversation}/items         conversations  storage
    GET    /conversations/{conversation}/items/{item}  conversations
    DELETE /conversations/{conversation}/items/{item}  conversations
""")
COMPATIBLE: Final = _operations("""
    GET    /models                        models
    GET    /models/{model}                models
""")
ANTHROPIC: Final = _operations("""
    GET    /models                        models
    GET    /models/{model}                models
    POST   /messages/batches              batches      tokens   makes=batch
    GET    /messages/batches              batches               lists=batch
    GET    /messages/batches/{batch}      batches
    DELETE /messages/batches/{batch}      batches
    POST   /messages/batches/{batch}/cancel   batches
    GET    /messages/batches/{batch}/results  batches           stream=binary
    POST   /files                         files        storage  makes=file
    GET    /files                         files                 lists=file
    GET    /files/{file}                  files
    DELETE /files/{file}                  files
    GET    /files/{file}/content          files                 stream=binary
""")
GEMINI: Final = _operations("""
    GET    /models                        models
    GET    /models/{model}                models
    POST   /upload/{version}/files        files        storage
    GET    /files                         files                 lists=file
    GET    /files/{file}                  files
    GET    /files/{file}:download         files                 stream=binary
    GET    /download/{version}/files/{file}:download  files      stream=binary
    DELETE /files/{file}                  files
    POST   /cachedContents                caches       priced   makes=cached_content
    GET    /cachedContents                caches                lists=cached_content
    GET    /cachedContents/{cached_content}     caches
    PATCH  /cachedContents/{cached_content}     caches   priced
    DELETE /cachedContents/{cached_content}     caches
    POST   /models/{model}:batchGenerateContent  batches     tokens   makes=batch
    GET    /batches                       batches               lists=batch
    GET    /batches/{batch}               batches
    DELETE /batches/{batch}               batches
    POST   /batches/{batch}:cancel        batches
    GET    /interactions/{interaction}    stored_interactions   stream=sse
    DELETE /interactions/{interaction}    stored_interactions
    POST   /interactions/{interaction}/cancel  stored_interactions
""")
BEDROCK: Final = _operations("""
    POST   /model/{model}/invoke                        invoke_model  tokens
    POST   /model/{model}/invoke-with-response-stream   invoke_model  tokens  stream=eventstream
""")
"""Paths for models other than Claude, whose bodies are not read."""
PLANNED: Final[Mapping[str, tuple[Operation, ...]]] = {
    "bedrock": _operations("""
    POST   /guardrail/{guardrail}/version/{version}/apply    guardrails  units
    POST   /guardrail-checks/invoke       guardrails  units
    POST   /async-invoke                  async_invoke  units
    GET    /async-invoke                  async_invoke
    GET    /async-invoke/{invocation}     async_invoke
"""),
    "vertex_ai": _operations("""
    POST   /publishers/google/models/{model}:predict             predictions  units
    POST   /publishers/google/models/{model}:predictLongRunning  predictions  units
    POST   /publishers/google/models/{model}:embedContent        predictions  tokens
    GET    /publishers/google/models      models
    GET    /publishers/google/models/{model}  models
    POST   /cachedContents                caches  priced
    GET    /cachedContents                caches
    POST   /batchPredictionJobs           batches  tokens
    GET    /batchPredictionJobs           batches
    GET    /interactions/{interaction}    stored_interactions
    DELETE /interactions/{interaction}    stored_interactions
    POST   /interactions/{interaction}/cancel  stored_interactions
"""),
}
"""Operations of a later version: they are refused as planned, not as unknown."""
WRITTEN_ANEW: Final[Mapping[str, str]] = {"bedrock": "/model/"}
"""Kind -> how paths begin whose model may be an ARN, with slashes: they are read whole, and written anew with the model as one segment."""
COLLECTIONS: Final[Mapping[str, str]] = {FILE: "files", CACHED_CONTENT: "cachedContents", BATCH: "batches"}
"""Gemini's ids begin with their collection: `files/abc`."""
BOUND: Final = frozenset({FILE, UPLOAD, BATCH, RESPONSE, INTERACTION, CONVERSATION, CACHED_CONTENT})
_TABLES: Final[Mapping[str, tuple[Operation, ...]]] = {
    "openai": OPENAI,
    "azure_openai": OPENAI,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "bedrock": BEDROCK,
    "vertex_ai": (),
}
_ID: Final = r"[A-Za-z0-9_.\-]{1,256}"
_SOME_ID: Final = re.compile(r"(?=.*\d)[A-Za-z0-9_.\-]{4,256}")
"""What may be an id in a path that is in no table."""
_PLACE: Final = re.compile(r"^/v1(?:beta1)?(?:/projects/[^/]+/locations/[^/]+)?(?=/)")
"""What Google's clients for a cloud write before a path."""
_WORD: Final = re.compile(r"\\{(\w+)\\}")
UNLISTED: Final = "unlisted"


class PathAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What a path asks for: an operation, and the ids that the path names."""

    operation: Operation
    path: str
    """Below the root, decoded."""
    encoded: str = ""
    """The path as it is sent: as the client wrote it, or written again where a name in it has slashes. "": no client wrote it."""
    named: tuple[tuple[str, str], ...] = ()
    """(kind, id) of objects that only one key knows."""
    model: str = ""


def operations(kind: str) -> tuple[Operation, ...]:
    return _TABLES.get(kind, COMPATIBLE)


def ask(endpoint: Endpoint, method: str, path: str, allowed: tuple[str, ...]) -> PathAsk | None:
    """The operation of a path below the provider's root; `allowed`: patterns of further paths. None: it may not be asked."""
    method = "GET" if method == "HEAD" else method
    for operation, pattern in _compiled(endpoint.kind):
        found = pattern.fullmatch(path) if operation.method == method else None
        if found is not None:
            words = found.groupdict()
            named = tuple((kind, _bound_id(endpoint, kind, words[kind])) for kind in words if kind in BOUND)
            model = words.get("model", "")
            encoded = operation.path.replace("{model}", segment_name(model)) if endpoint.kind in WRITTEN_ANEW else ""
            return PathAsk(operation=operation, path=path, encoded=encoded, named=named, model=model)
    if opens(allowed, path):
        kind = kind_below(path)
        makes = kind if method == "POST" else ""
        operation = Operation(method=method, path=path, family=UNLISTED, metering=Metering.TOKENS, makes=makes)
        return PathAsk(operation=operation, path=path, named=tuple((kind, each) for each in path.split("/") if _SOME_ID.fullmatch(each)))
    return None


def kind_below(path: str) -> str:
    """The kind of what is kept at a path that the configuration adds."""
    return CONTAINER if path.startswith("/containers") else OBJECT


def is_planned(endpoint: Endpoint, path: str) -> bool:
    """Whether a path, with or without what a cloud's clients write before it, is one of a later version."""
    below = _PLACE.sub("", path)
    return any(_known(each.path).fullmatch(below) for each in PLANNED.get(endpoint.kind, ()))


@cache
def _known(template: str) -> re.Pattern[str]:
    return re.compile(_WORD.sub(".{1,512}", re.escape(template)) + "(?:/.*)?")


@cache
def _compiled(kind: str) -> tuple[tuple[Operation, re.Pattern[str]], ...]:
    return tuple((each, re.compile(_WORD.sub(partial(_group, kind=kind), re.escape(each.path)))) for each in operations(kind))


def _group(word: re.Match[str], *, kind: str) -> str:
    model = ".{1,256}" if kind in WRITTEN_ANEW else "[^:/]{1,256}" if kind == "gemini" else "[^:]{1,256}"
    return f"(?P<{word[1]}>{model if word[1] == 'model' else _ID})"


def opens(allowed: tuple[str, ...], path: str) -> bool:
    """Whether one of these patterns of the configuration's is of a path below the root."""
    return any(_pattern(pattern).fullmatch(path) for pattern in allowed)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """What is between two stars is only looked for once, where it comes first: other places never match better, and paths can be long."""
    head, *middle = map(re.escape, text.split("*"))
    tail = f".*{middle.pop()}" if middle else ""
    return re.compile(head + "".join(f"(?>.*?{part})" for part in middle) + tail)


def _bound_id(endpoint: Endpoint, kind: str, written: str) -> str:
    is_gemini = GEMINI_GENERATE_CONTENT in endpoint.protocols and kind in COLLECTIONS
    return f"{COLLECTIONS[kind]}/{written}" if is_gemini else written


def batch_path(kind: str, name: str) -> str:
    """Where a batch, or an answer that is written in the background, tells of itself, below the root; "": this kind has none."""
    if kind == "gemini" and not name.startswith(f"{COLLECTIONS[BATCH]}/"):
        return f"/interactions/{name}"
    word = "{response}" if name.startswith("resp_") else "{batch}"
    found = next((each.path for each in operations(kind) if each.method == "GET" and each.path.endswith(f"/{word}")), "")
    return found.replace(word, name.rpartition("/")[2])
