"""What every protocol supplies for translation, as a record of pure functions between JSON values and the canonical model.

Values come decoded from JSON (dict, list, str, int, float, bool, None), or as a struct if the codec has a decoder of its own. They leave
ready to be encoded. Only `transcode.py` decodes and encodes. If a value is not allowed in its protocol, a function raises `shapes.Unfit`;
if something required cannot be said, ProtocolError. Nothing else is ever raised.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from typing import Protocol as Interface

import msgspec

from omnillm.framing.sse import Frame, FrameReader, SseReader
from omnillm.model.events import LlmStreamEvent
from omnillm.model.message import Issuer
from omnillm.model.request import LlmRequest
from omnillm.model.response import LlmResponse
from omnillm.protocols.loss import Losses
from omnillm.usage import Usage

NO_NAMES: Mapping[str, str] = {}


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What an emitter of requests must know about the host and the model that it writes for."""

    provider: str = ""
    """The provider whose opaque values can be sent back; "": any provider of the protocol."""
    default_max_tokens: int = 4096
    """Anthropic needs an output cap: this one where the client gave none."""
    accepts_sampling: bool = True
    """Anthropic: False for models, and from API version 2026-10-21 on, that refuse temperature, top_p and top_k."""
    thinks_adaptively: bool = False
    """Anthropic: the model takes thinking.type adaptive with an effort, not a budget."""
    thinks_between_tools: bool = False
    """Anthropic: the model is told not to think by thinking.type between_tools, the least that it takes."""
    forces_calls: bool = True
    """Claude: a call of a tool can be forced."""
    takes_last_word: bool = True
    """Claude: the conversation may end with the assistant's own words, from which the model goes on."""
    accepts_system_messages: bool = False
    """Anthropic: role "system" inside messages."""
    system_role: str = "developer"
    """Chat: what OpenAI's own models call it; most compatible hosts know only "system"."""
    takes_parts: bool = True
    """Chat: False on hosts that take a message's content as one string only."""
    takes_pictures: bool = False
    """Chat: where content is one string, an array all the same of a user who shows a picture."""
    thoughts_member: str = "reasoning_content"
    """Chat: where an assistant's message has what it thought; "": nowhere. With another name the host takes no other members, either."""
    needs_thoughts: bool = False
    """Chat: an assistant's message is refused without them."""
    switches_thoughts: bool = False
    """Chat: thinking.type disabled is how thinking stops, and it must stop before a call of a tool can be forced."""
    takes_schemas: bool = True
    """Chat and Converse: False on hosts, and of models, that hold an answer to no schema."""
    id_length: int = 0
    """Chat: ids of calls are so many letters and digits; 0: at most OpenAI's 40, or whatever is."""
    output_cap_member: str = "max_completion_tokens"
    """Chat: "max_tokens" on most compatible hosts."""
    members: Mapping[str, str] = {}
    """Chat: what the host calls members of the body; "": it refuses them."""
    has_strict_turns: bool = False
    """Chat: the system speaks first, a user not right behind a tool, and the assistant's last words are marked as a beginning."""
    has_documents: bool = False
    """Chat: files are parts of type document_url."""
    is_openai: bool = True
    """Chat: the host is OpenAI's own, and refuses members that it does not know."""
    has_web_search: bool = False
    """Chat: one of OpenAI's search models, which alone take web_search_options."""
    knows_all_members: bool = True
    """Responses: False on hosts that refuse members of OpenAI's which they do not know."""
    can_stop_thinking: bool = True
    """The model can be told not to reason. False: what asks for it is left out, because the model would refuse the call."""
    efforts: tuple[str, ...] | None = None
    """OpenAI's protocols, and Gemini's levels: what the model takes of none, minimal, low, medium, high, xhigh, max; (): nothing; None: not
    known, or a budget."""
    rests: bool | None = None
    """OpenAI's protocols: whether the model reasons only if it is asked to. While it does, it takes no sampling. None: it always does."""
    thinks_in_levels: bool = True
    """Gemini: 3 and later take thinkingLevel; earlier ones a budget."""
    is_vertex: bool = False
    """Gemini: Vertex AI counts the members of a prompt, not a whole generation, takes a tier in a header alone, refuses ids of calls, and
    to be asked for the calls of its own tools beside functions, where the Gemini API refuses not to be."""
    takes_penalties: bool = True
    """Gemini: earlier ones than 2.5, and 2.5 on Vertex AI, take presencePenalty and frequencyPenalty."""
    joins_tools: bool = True
    """Gemini: 3 and later take functions beside tools of Google's own, JSON beside both, pictures in a function's response, and ids of
    calls."""


class ReplyContext(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an emitter of replies must know about the request that it answers."""

    id: str
    """Ours, for a reply whose provider gave none; without a prefix."""
    created: int
    """Unix seconds now."""
    model: str
    """As the client asked for it."""
    request: LlmRequest | None = None
    """Responses repeats tools, tool choice and others in its reply."""
    wants_usage: bool = True
    """Chat streams: whether the client asked for the usage chunk."""
    names: Mapping[str, str] = NO_NAMES
    """Functions that had to be renamed for the provider: the name that it knows -> the client's own."""


class StreamDecoder(Interface):
    def feed(self, frame: Frame) -> Sequence[LlmStreamEvent]:
        """Events of one frame; a frame without data, or of an unknown kind, has none."""
        ...

    def finish(self) -> Sequence[LlmStreamEvent]:
        """Events at the end of the stream. Raises Unfit("stream", ...) when it is not complete."""
        ...


class StreamEncoder(Interface):
    """Writes whole SSE frames. After `Completed` or `Failed` it is done."""

    @property
    def next_sequence(self) -> int:
        """The sequence number that the next event would bear, in a protocol that numbers its events; else 0."""
        ...

    @property
    def response_id(self) -> str:
        """The id that the stream's last words must repeat, in a protocol that has one; else ""."""
        ...

    def feed(self, event: LlmStreamEvent) -> bytes: ...


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    parse_request: Callable[[Any, Losses], LlmRequest]
    """`model` and `is_stream` are members of the body in every protocol but Gemini, where the path says them: the caller replaces both."""
    emit_request: Callable[[LlmRequest, Dialect, Losses], dict[str, Any]]
    parse_reply: Callable[[Any, Issuer, Losses, Usage | None], LlmResponse]
    """The Issuer: who answers; opaque values of the reply are tagged with it. The Usage: what `Protocol.peek_reply` read of it already."""
    emit_reply: Callable[[LlmResponse, ReplyContext, Losses], dict[str, Any]]
    decoder: Callable[[Issuer, Losses], StreamDecoder]
    encoder: Callable[[ReplyContext, Losses], StreamEncoder]
    own_request: msgspec.json.Decoder[Any] | None = None
    """Decodes a request in one step if it has only members of the protocol's own clients. Any other request it refuses; that is given to
    `parse_request` as a JSON object. None: `parse_request` takes only objects."""
    own_reply: msgspec.json.Decoder[Any] | None = None
    """The same for a reply with only the members of the protocol's own provider."""
    reader: Callable[[], FrameReader] = SseReader
    """What cuts a provider's stream into frames."""
