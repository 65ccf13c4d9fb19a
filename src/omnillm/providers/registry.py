"""What is supported: provider x endpoint family x wire format x level. What can be is read off the data that the code runs on."""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from omnillm.providers.families import SERVED, format_for, formats_of
from omnillm.providers.kinds import KINDS, LATER
from omnillm.providers.native import operations
from omnillm.providers.protocol_names import BEDROCK_CONVERSE, PROTOCOL_NAMES

Level = Literal["native", "compatible", "planned"]
GENERATION: Final = "generation"
NATIVE: Final = "native"
COUNT_TOKENS: Final = "count_tokens"
REALTIME: Final = "realtime"
UNREAD: Final = frozenset({"embeddings", "images", "speech", "transcriptions", "moderations", "rerank"})
"""Families of a provider's own paths that pass below `/providers` too, but are asked for at paths of their own."""


class Support(msgspec.Struct, frozen=True, kw_only=True):
    provider: str
    """A kind."""
    family: str
    wire_format: str
    """What the client writes; "native": the provider's own words, below `/providers` and the drop-in prefixes."""
    level: Level
    """native: the provider's own words go through. compatible: translated. planned: not in this version."""


def embedded_provider_registry() -> tuple[Support, ...]:
    """Every row, in the order of the kinds."""
    return tuple(row for kind in (*KINDS, *LATER) for row in _rows(kind))


def _rows(kind: str) -> Iterator[Support]:
    if kind in LATER:
        yield Support(provider=kind, family=GENERATION, wire_format=NATIVE, level="planned")
        return
    spoken = KINDS[kind].protocols
    for name in (name for name in PROTOCOL_NAMES if name != BEDROCK_CONVERSE):  # no client speaks it
        yield Support(provider=kind, family=GENERATION, wire_format=name, level="native" if name in spoken else "compatible")
    for name in spoken:
        if KINDS[kind].has_path(name, COUNT_TOKENS):
            yield Support(provider=kind, family=COUNT_TOKENS, wire_format=name, level="native")
    for family in dict.fromkeys(operation.family for operation in operations(kind)):
        if family not in UNREAD:
            yield Support(provider=kind, family=family, wire_format=NATIVE, level="native")
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
