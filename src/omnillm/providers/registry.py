"""What is supported: provider, endpoint family, wire format and level. It is derived from the data that the code runs on."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import msgspec

from omnillm.endpoints.format import EMBEDDINGS, MODERATIONS
from omnillm.protocols.protocol_names import BEDROCK_CONVERSE, PROTOCOL_NAMES
from omnillm.protocols.token_counts import COUNTS
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.families import FAMILIES, FAMILY_PATHS, SERVED, STREAMS, format_for, formats_of
from omnillm.providers.kinds import KINDS
from omnillm.providers.native import PLANNED, Metering, Operation, operations
from omnillm.providers.paths import COUNT_TOKENS, GEMINI_METHODS, GENERATE, REALTIME

Level = Literal["native", "compatible", "planned"]
GENERATION: Final = "generation"
NATIVE: Final = "native"


class Support(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind of provider can be asked for, and how."""

    provider: str
    """A kind."""
    family: str
    wire_format: str
    """What the client writes; "native": the provider's own words, below `/providers` and the drop-in prefixes."""
    level: Level
    """native: the provider's own words go through. compatible: translated. planned: not in this version."""


def embedded_provider_registry() -> tuple[Support, ...]:
    """Every row, in the order of the kinds."""
    return tuple(row for kind in KINDS for row in _rows(kind))


StreamMode = Literal["none", "sse", "binary", "eventstream", "websocket", "webrtc"]
_INFERENCE: Final[Mapping[str, StreamMode]] = {GENERATION: "sse", COUNT_TOKENS: "none"}
_BY_TOKENS: Final = frozenset({EMBEDDINGS, MODERATIONS})
WEBRTC: Final = "/realtime/calls"


class PrimitiveSupport(msgspec.Struct, frozen=True, kw_only=True):
    """What can be asked of a kind in its own words, over HTTP or by `PrimitiveRequest.path`."""

    provider: str
    """A kind."""
    family: str
    method: str
    path: str
    """Below the provider's root."""
    stream_mode: StreamMode
    """How its reply can come beside whole."""
    budget_class: Metering
    tier: Level
    """native or planned: nothing of it is translated."""


def metering_of(operation: str) -> Metering:
    """How a call of this operation is paid: a generation, a count of tokens, or an endpoint family."""
    if operation == COUNT_TOKENS:
        return Metering.ZERO
    return Metering.UNITS if operation in FAMILIES and operation not in _BY_TOKENS else Metering.TOKENS


def embedded_primitive_provider_registry() -> tuple[PrimitiveSupport, ...]:
    """Every row, in the order of the kinds: inference, endpoint families, the path table, and what is planned."""
    return tuple(
        PrimitiveSupport(
            provider=kind, family=each.family, method=each.method, path=each.path, stream_mode=mode, budget_class=each.metering, tier=tier
        )
        for kind in KINDS
        for each, mode, tier in (*_inference(kind), *_own_families(kind), *_table(kind), *_live(kind), *_later(kind))
    )


def _inference(kind: str) -> Iterator[tuple[Operation, StreamMode, Level]]:
    profile = KINDS[kind]
    if BEDROCK_CONVERSE in profile.own_protocols:
        yield from _converse(profile)
        return
    for protocol in profile.protocols:
        for family, mode in _INFERENCE.items():
            operation = GENERATE if family == GENERATION else COUNT_TOKENS
            if not profile.has_path(protocol, operation):
                continue
            collection = "" if profile.cloud_paths else "/models"
            written = profile.path_of(protocol, operation).replace(
                "/{model}:{method}", f"{collection}/{{model}}:{GEMINI_METHODS[operation, False]}"
            )
            yield Operation(method="POST", path=written, family=family, metering=metering_of(family)), mode, "native"


def _own_families(kind: str) -> Iterator[tuple[Operation, StreamMode, Level]]:
    """In the kind's own wire formats, at its own paths."""
    for spoken in () if KINDS[kind].cloud_paths else formats_of(kind):
        for family in (family for each, family in FAMILY_PATHS if each == spoken):
            path = FAMILY_PATHS[spoken, family].replace("/{model}:", "/models/{model}:")
            asked = Operation(method="POST", path=path, family=family, metering=metering_of(family))
            yield asked, STREAMS.get(family, "none"), "native"


def _converse(profile: Endpoint) -> Iterator[tuple[Operation, StreamMode, Level]]:
    """Converse's rows. InvokeModel, Claude's and other models', stands in the path table."""
    for (protocol, operation, is_stream), path in profile.cloud_paths.items():
        if protocol == BEDROCK_CONVERSE:
            family = COUNT_TOKENS if operation == COUNT_TOKENS else GENERATION
            asked = Operation(method="POST", path=path, family=family, metering=metering_of(family))
            yield asked, "eventstream" if is_stream else "none", "native"


def _later(kind: str) -> Iterator[tuple[Operation, StreamMode, Level]]:
    for each in PLANNED.get(kind, ()):
        yield each, "none", "planned"


def _table(kind: str) -> Iterator[tuple[Operation, StreamMode, Level]]:
    for each in operations(kind):
        yield each, each.stream or "none", "native"


def _live(kind: str) -> Iterator[tuple[Operation, StreamMode, Level]]:
    """Sessions over WebSocket, where the kind has them; over WebRTC nobody could meter them here."""
    profile = KINDS[kind]
    for protocol in profile.protocols if profile.has_sessions else ():
        if path := profile.path_of(protocol, REALTIME):
            yield Operation(method="GET", path=path, family=REALTIME, metering=Metering.TOKENS), "websocket", "native"
    if kind == "openai":
        yield Operation(method="POST", path=WEBRTC, family=REALTIME, metering=Metering.TOKENS), "webrtc", "planned"


def _rows(kind: str) -> Iterator[Support]:
    spoken = KINDS[kind].protocols
    for name in (name for name in PROTOCOL_NAMES if name != BEDROCK_CONVERSE or name in spoken):  # its clients speak it to nobody else
        yield Support(provider=kind, family=GENERATION, wire_format=name, level="native" if name in spoken else "compatible")
    counted = [name for name in spoken if name in {*COUNTS, BEDROCK_CONVERSE} and KINDS[kind].has_path(name, COUNT_TOKENS)]
    for name in dict.fromkeys((*counted, *COUNTS)) if counted else ():
        yield Support(provider=kind, family=COUNT_TOKENS, wire_format=name, level="native" if name in counted else "compatible")
    for family in dict.fromkeys(operation.family for operation in operations(kind)):
        yield Support(provider=kind, family=family, wire_format=NATIVE, level="native")
    for family in dict.fromkeys(operation.family for operation in PLANNED.get(kind, ()) if operation.family != REALTIME):
        yield Support(provider=kind, family=family, wire_format=NATIVE, level="planned")
    yield from _families(kind)
    yield Support(provider=kind, family=REALTIME, wire_format=NATIVE, level="native" if KINDS[kind].has_sessions else "planned")


def _families(kind: str) -> Iterator[Support]:
    """What is asked for at OpenAI's and Gemini's paths beside generation. A family that the kind does not have is planned."""
    for family in dict.fromkeys(family for _, family in SERVED):
        asked = {client: format_for(formats_of(kind), client, family) for client, served in SERVED if served == family}
        for client, said in asked.items():
            if said:
                yield Support(provider=kind, family=family, wire_format=client, level="native" if said == client else "compatible")
        if not any(asked.values()):
            yield Support(provider=kind, family=family, wire_format=NATIVE, level="planned")
