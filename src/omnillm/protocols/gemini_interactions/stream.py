"""Follows one stream of the Interactions API."""

from typing import Any, ClassVar

import msgspec

from omnillm.framing.sse import Frame, are_named_objects
from omnillm.protocols.counts import UNREADABLE, decode_lenient
from omnillm.protocols.gemini_interactions.failure import failure_in, failure_of
from omnillm.protocols.gemini_interactions.peek import says_something
from omnillm.protocols.gemini_interactions.usage import searches_of, usage_of, usage_of_interaction
from omnillm.protocols.gemini_interactions.wire import Delta, Interaction, StreamEvent
from omnillm.protocols.protocol import MALFORMED_EVENT, Failure, Sight
from omnillm.usage import Usage

_EVENT = msgspec.json.Decoder(StreamEvent)
_BRACE = ord("{")
_END_BRACE = ord("}")
_NEWLINE = ord("\n")
_RETURN = ord("\r")
_BEGINNING, _BEYOND = b"event: ", b"event:!"
"""Between them lies, in the order of bytes, whatever begins with the first."""
_DONE = b"[DONE]"
_BEGINNINGS = frozenset({"interaction.created", "interaction.start"})
_ENDS = frozenset({"interaction.completed", "interaction.complete"})
_OPENINGS = frozenset(
    {
        *(*_BEGINNINGS, "interaction.status_update", "step.stop"),
        *("content.start", "content.stop"),  # of the API's revisions before steps
    }
)
"""Events that show nothing yet. One that is not known counts as content: after it nothing is retried unseen."""


class InteractionsWatch:
    """Until the first content every event is decoded; from then on only one that may tell of the interaction, of usage, or of a search.

    `interaction.completed` says that it is over, and [DONE] that nothing follows: a stream that ends without the second is whole too.
    """

    __slots__ = ("_has_begun", "_has_content", "_is_complete", "_searches", "environment_id", "failure", "response_id", "tier", "usage")
    opening: ClassVar = None
    next_sequence: ClassVar = 0

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.failure: Failure | None = None
        self.tier: Any = None
        self.response_id = self.environment_id = ""
        """The ids that the provider gave to the interaction, and to where it runs code."""
        self._searches = 0
        self._has_begun = False
        """Its beginning was seen. A stream can be taken up behind any of its events."""
        self._has_content = False
        self._is_complete = False

    def see(self, frame: Frame) -> int:
        data = frame.data
        if not data:
            # A refusal in mid-stream has come as a line of JSON without a field's name: https://github.com/googleapis/js-genai/issues/1973.
            return self._look(frame.raw) if frame.raw[:1] == b"{" else Sight.NOTHING
        if self._is_complete:
            return Sight.END if data == _DONE else Sight.NOTHING
        if self._has_content and data[0] == _BRACE and _tells_nothing(data):
            return Sight.NOTHING
        return self._look(data)

    def skims(self, piece: bytes) -> bool:
        """Events of two lines each, `event: ...` and `data: {...}`, with none of the words of `see` in them."""
        lines, _, rest = piece.rpartition(b"\n\n")
        if (
            self._has_content
            and not rest
            and _BEGINNING <= lines < _BEYOND
            and lines[-1] == _END_BRACE
            and _RETURN not in lines
            and _tells_nothing(lines)
        ):
            before, _, data = lines.rpartition(b"\ndata: ")
            return data[0] == _BRACE and _NEWLINE not in data and (_NEWLINE not in before or are_named_objects(lines))
        return False

    def at_end_of_stream(self) -> bool:
        return self._is_complete

    def _look(self, data: bytes) -> int:
        try:
            event = decode_lenient(_EVENT, data)
        except UNREADABLE:
            return self._fail(MALFORMED_EVENT)
        self._searches += searches_of([each for each in (event.step, event.delta) if each is not None])
        if event.event_type in _BEGINNINGS:
            self._has_begun = True
        if event.usage is not None:
            self.usage = usage_of(event.usage, self._searches) or self.usage
        if event.interaction is not None:
            self._report(event.interaction)
        if event.error is not None or event.event_type == "error":
            return self._fail(failure_of(200, event.error))
        if event.event_type in _ENDS:
            return self._complete(event.interaction)
        if self._has_content or not _has_content(event):
            return Sight.NOTHING
        self._has_content = True
        return Sight.CONTENT

    def _report(self, interaction: Interaction) -> None:
        self.response_id = interaction.id or self.response_id
        self.environment_id = interaction.environment_id or self.environment_id
        self.tier = interaction.service_tier or self.tier
        self.usage = usage_of_interaction(interaction, self._searches) or self.usage

    def _complete(self, interaction: Interaction | None) -> int:
        failure = None if interaction is None else failure_in(interaction)
        if failure is not None:
            return self._fail(failure)
        if not self._has_begun and (interaction is None or not _counts_searches(interaction)):
            self.usage = None
        self._is_complete = True
        return Sight.NOTHING

    def _fail(self, failure: Failure) -> int:
        self.failure = msgspec.structs.replace(failure, usage=self.usage)
        return Sight.FAILED


def _counts_searches(interaction: Interaction) -> bool:
    """Whether an interaction tells of all its searches by itself."""
    return interaction.steps is not None or (interaction.usage is not None and interaction.usage.grounding_tool_count is not None)


def _tells_nothing(text: bytes) -> bool:
    """Whether the words are missing in it without which no event tells of the interaction, of usage, of an error or of a search."""
    # rpartition is the fastest search that CPython has for a word.
    return not (
        text.rpartition(b'"interaction')[1]
        or text.rpartition(b'"error"')[1]
        or text.rpartition(b'"usage"')[1]
        or text.rpartition(b'"google_search_call"')[1]
    )


def _has_content(event: StreamEvent) -> bool:
    if event.step is not None:
        return says_something(event.step)
    if event.delta is not None:
        return _says_something(event.delta)
    return event.event_type not in _OPENINGS


def _says_something(delta: Delta) -> bool:
    """A signature alone does not, nor a text without words."""
    return bool(delta.text) if delta.type == "text" else delta.type != "thought_signature"
