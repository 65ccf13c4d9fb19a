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
HUGE = 10**18


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One thing said: a thought that is shown, a text, or the call of a tool."""

    kind: Literal["reasoning", "text", "tool"]
    words: tuple[str, ...]
    """One token each: words, or pieces of JSON."""
    name: str = ""
    """Of the tool."""
    call: int = 0
    """The number of the call in its reply, from 0."""

    @property
    def text(self) -> str:
        return "".join(self.words)


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One reply, before a protocol gives it a form."""

    number: int
    """Of the request, from 1; ids are made of it."""
    created: int
    """Unix seconds."""
    model: str
    blocks: tuple[Block, ...]
    """In the order in which they are said; reasoning comes first, calls last."""
    finish: Literal["end", "length", "tool", "refusal", "stop"] = "end"
    stop: str = ""
    """The stop sequence that ended it."""
    seal: str = ""
    """What the provider's protocol signs or encrypts reasoning with; "" when it is not to be shown."""
    is_redacted: bool = False
    """The reasoning is not shown, where the protocol can say so."""
    echo: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What the reply repeats of the request."""
    usage: Usage
    """The truth, which is billed."""
    told: Usage | None
    """What the reply says about it."""
    is_cumulative: bool = False
    """Usage is told all along a stream."""
    tier: str = "default"
    """As OpenAI calls it."""
    choices: int = 1
    wants_usage: bool = True
    max_output: int | None = None

    @property
    def words(self) -> int:
        """Of all blocks."""
        return sum([len(block.words) for block in self.blocks])

    @property
    def serial(self) -> str:
        return f"fake{self.number:012d}"

    def of(self, kind: Literal["reasoning", "text", "tool"]) -> list[Block]:
        return [block for block in self.blocks if block.kind == kind]

    def text_of(self, kind: Literal["reasoning", "text"]) -> str:
        return "".join([block.text for block in self.of(kind)])

    def id_of(self, block: Block, prefix: str) -> str:
        """Of a call, or of the item that a block is; the first call's is that of an only one."""
        return f"{prefix}_{self.serial}_{block.call}" if block.call else f"{prefix}_{self.serial}"

    @property
    def hidden(self) -> int:
        """Reasoning tokens that no word tells of: all of them precede the first word."""
        return self.usage.reasoning - sum([len(block.words) for block in self.of("reasoning")]) * self.choices

    def after(self, words: int) -> int:
        """Output tokens, reasoning included, once so many words were said."""
        return self.hidden + words * self.choices

    def told_after(self, words: int) -> Usage | None:
        """The usage that stands in the middle of a stream."""
        if self.told is None or self.told is not self.usage:
            return self.told
        reasoning = min(self.usage.reasoning, self.hidden + words * self.choices)
        output = self.hidden + words * self.choices - reasoning
        return msgspec.structs.replace(self.usage, reasoning=reasoning, output=output, output_image=0)


def count_tokens(texts: Iterable[str]) -> int:
    """A token for every four bytes of UTF-8, and at least one."""
    return max(1, -(-sum(len(text.encode()) for text in texts) // 4))


@lru_cache(maxsize=64)
def words_for(prompt: str, model: str, count: int, images: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The images, an echo of the prompt, then filler, cut or filled to so many words; all but the first begin with a space."""
    words = [*" ".join(images).split(), "You", "said:", *MARKER.sub("", prompt[:2000]).split()]
    seed = crc32(f"{model}\0{prompt}".encode())
    words += [FILLER[(seed + i) % len(FILLER)] for i in range(count - len(words))]
    return tuple([word if i == 0 else f" {word}" for i, word in enumerate(words[:count])])


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
