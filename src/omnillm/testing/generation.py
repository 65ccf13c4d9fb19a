"""What the model behind the fake provider would say: a function of the request and nothing else."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal
from zlib import crc32

import msgspec

from omnillm.usage import Usage

FILLER = ("the", "lake", "is", "calm", "and", "seven", "herons", "stand", "at", "its", "edge", "counting", "small", "silver", "fish")
MARKER = re.compile(r"\[\[[^\]]*\]\]")
ARGUMENT_PIECE = 8
"""Characters of a tool's arguments that count as one token."""
HUGE = 10**18
SAMPLES: Mapping[str, Any] = {"string": "heron", "integer": 7, "number": 0.5, "boolean": True, "array": [], "object": {}, "null": None}


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One reply, before a protocol gives it a form."""

    number: int
    """Of the request, from 1; ids are made of it."""
    created: int
    """Unix seconds."""
    model: str
    words: tuple[str, ...]
    """One output token each: words of the text, or pieces of the tool's arguments."""
    tool: str = ""
    finish: Literal["end", "length", "tool"] = "end"
    usage: Usage
    """The truth, which is billed."""
    told: Usage | None
    """What the reply says about it."""
    is_cumulative: bool = False
    """Usage is told all along a stream."""
    choices: int = 1
    wants_usage: bool = True
    max_output: int | None = None

    @property
    def text(self) -> str:
        return "".join(self.words)

    @property
    def serial(self) -> str:
        return f"fake{self.number:012d}"

    def after(self, words: int) -> int:
        """Output tokens, reasoning included, once so many words were said."""
        return self.usage.reasoning + words * self.choices

    def told_after(self, words: int) -> Usage | None:
        """The usage that stands in the middle of a stream."""
        if self.told is None or self.told is not self.usage:
            return self.told
        return msgspec.structs.replace(self.usage, output=words * self.choices)


def count_tokens(texts: Iterable[str]) -> int:
    """A token for every four bytes of UTF-8, and at least one."""
    return max(1, -(-sum(len(text.encode()) for text in texts) // 4))


@lru_cache(maxsize=64)
def words_for(prompt: str, model: str, count: int) -> tuple[str, ...]:
    """An echo of the prompt, then filler, cut or filled to so many words; all but the first begin with a space."""
    words = ["You", "said:", *MARKER.sub("", prompt[:2000]).split()]
    seed = crc32(f"{model}\0{prompt}".encode())
    words += [FILLER[(seed + i) % len(FILLER)] for i in range(count - len(words))]
    return tuple([word if i == 0 else f" {word}" for i, word in enumerate(words[:count])])


def arguments_for(schema: object) -> str:
    """JSON that a function's parameter schema accepts: a sample for every property."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    members = properties if isinstance(properties, dict) else {}
    return msgspec.json.encode({name: _sample(member) for name, member in members.items()}).decode()


def _sample(schema: object) -> Any:
    """A value of the first type that the schema names; what is no schema gets a string."""
    if not isinstance(schema, dict):
        return SAMPLES["string"]
    choices, kind = schema.get("enum"), schema.get("type")
    if isinstance(choices, list) and choices:
        return choices[0]
    first = kind[0] if isinstance(kind, list) and kind else kind
    return SAMPLES.get(str(first).lower(), SAMPLES["string"])


def argument_pieces(arguments: str) -> tuple[str, ...]:
    return tuple([arguments[i : i + ARGUMENT_PIECE] for i in range(0, len(arguments), ARGUMENT_PIECE)])


def told_usage(usage: Usage, lie: str) -> Usage | None:
    """What a provider that lies says about a usage."""
    if lie == "missing":
        return None
    if lie == "zero":
        return Usage()
    if lie == "huge":
        return Usage(input=HUGE, output=HUGE)
    if lie == "negative":
        return Usage(input=-usage.prompt_tokens, output=-usage.completion_tokens)
    return usage
