"""A protocol's side of a live session: what is said to what was heard, and what each turn costs. Pure."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from omnillm.testing.script import Behaviour
from omnillm.usage import Usage

PCM_OUT = b"\x00\x01" * 1200
"""A token of speech: 50 ms at 24,000 samples a second."""
PCM_IN_BYTES = 4800
"""A token of what is heard: 100 ms at 24,000 samples a second."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `so_far`: what the turn has consumed by then; with `is_last` it is billed."""

    raw: bytes
    so_far: Usage | None = None
    is_last: bool = False


class Hangup(Exception):
    """The client broke the protocol: the session ends with this close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class LiveSpeaker(Protocol):
    def greet(self) -> list[Said]:
        """What is said before anything is heard."""
        ...

    def answer(self, message: bytes) -> list[Said]:
        """What is said to a message. Raises Hangup."""
        ...


MakeSpeaker = Callable[[str, str, Behaviour], LiveSpeaker]
"""(model of the request line, id of the session, behaviour of the key)."""


class Ear:
    """The conversation as the model reads it, in tokens."""

    __slots__ = ("_cached", "audio", "text")

    def __init__(self, cached_tokens: int) -> None:
        self.text = 0
        self.audio = 0
        self._cached = cached_tokens

    def prompt(self) -> Usage:
        """Of a turn that begins now: text is what is read from the cache first, then sound."""
        cached = min(self._cached, self.text)
        heard = min(self._cached - cached, self.audio)
        return Usage(input=self.text - cached, cache_read=cached, input_audio=self.audio - heard, cache_read_audio=heard)

    def said(self, usage: Usage) -> None:
        """The answer is a part of the conversation."""
        self.text += usage.output
        self.audio += usage.output_audio
