"""What is supported: provider x endpoint family x wire format x level. What can be is read off the data that the code runs on."""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from omnillm.providers.kinds import KINDS, LATER
from omnillm.providers.native import operations
from omnillm.providers.protocol_names import BEDROCK_CONVERSE, PROTOCOL_NAMES

Level = Literal["native", "compatible", "planned"]
GENERATION: Final = "generation"
NATIVE: Final = "native"
COUNT_TOKENS: Final = "count_tokens"
REALTIME: Final = "realtime"
PLANNED: Final = ("embeddings", "images", "speech", "transcriptions", "moderations", "rerank", REALTIME)
"""Families that a later version knows, or (live sessions) knows of more kinds.

What a provider's own paths have of them passes, unread, below `/providers`.
"""


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
    passed = dict.fromkeys(operation.family for operation in operations(kind))
    for family in (*(each for each in passed if each not in PLANNED), *PLANNED):
        is_planned = family in PLANNED and not (family == REALTIME and KINDS[kind].has_sessions)
        yield Support(provider=kind, family=family, wire_format=NATIVE, level="planned" if is_planned else "native")
