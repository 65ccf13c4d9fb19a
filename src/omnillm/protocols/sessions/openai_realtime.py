"""OpenAI's Realtime API (https://platform.openai.com/docs/api-reference/realtime): turns are responses, with an id each."""

from typing import Final

import msgspec

from omnillm.outcome import Verdict
from omnillm.protocols.counts import UNREADABLE, Count, decode_lenient
from omnillm.protocols.modalities import Media, split_completion, split_prompt
from omnillm.protocols.openai_chat.failure import read_failure, write_fault
from omnillm.protocols.openai_chat.usage import media_of
from omnillm.protocols.openai_chat.wire import CompletionDetails, PromptDetails
from omnillm.protocols.protocol import Failure, Fault
from omnillm.protocols.sessions.session import AUDIO_BYTES, IMAGE_TOKENS, OWN_TOKENS, Report, SessionProtocol, spelled_out
from omnillm.usage import Usage

TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"
ALREADY_RUNNING: Final = "conversation_already_has_active_response"


class RealtimeUsage(msgspec.Struct, frozen=True, gc=False):
    type: str = "tokens"
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_token_details: PromptDetails | None = None
    output_token_details: CompletionDetails | None = None
    seconds: float | None = None
    """Of a transcription that is billed by the duration of the audio."""


class Response(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None
    usage: RealtimeUsage | None = None


class EventError(msgspec.Struct, frozen=True, gc=False):
    code: str | None = None
    event_id: str | None = None
    """Of the client's event that was wrong."""


class ServerEvent(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    response: Response | None = None
    usage: RealtimeUsage | None = None
    error: EventError | None = None


class ClientEvent(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    event_id: str | None = None


_FROM_PROVIDER = msgspec.json.Decoder(ServerEvent)
NO_EVENT: Final = ClientEvent()
_TELLING = (b"response.created", b"response.done", b"transcription.completed", b'"error"')


class RealtimeWatch:
    __slots__ = ("_asked", "_running", "_transcriber", "is_unbounded", "observed_tokens", "prompt_tokens")

    def __init__(self) -> None:
        self.prompt_tokens = OWN_TOKENS
        self.observed_tokens = 0
        self.is_unbounded = False
        self._asked: list[str] = []
        """Responses that the client has asked for and that have not begun: the ids of the events that asked."""
        self._running: set[str] = set()
        self._transcriber = ""

    @property
    def open_turns(self) -> int:
        return len(self._asked) + len(self._running)

    def to_provider(self, message: bytes) -> None:
        event = _event_in(message)
        if event.type == "input_audio_buffer.append":
            self.prompt_tokens += len(message) // AUDIO_BYTES + 1
            return
        self.prompt_tokens += len(message)
        told = spelled_out(message)
        if b"input_image" in told:
            self.prompt_tokens += IMAGE_TOKENS * told.count(b"input_image")
        if b'"mcp"' in told or b'"prompt"' in told or b"item_reference" in told:
            self.is_unbounded = True  # what a tool's server, a stored prompt or an older item adds is not seen here
        if event.type == "response.create":
            self._asked.append(event.event_id or "")
        if b"transcription" in told:
            self._transcriber = _transcriber_in(message) or self._transcriber

    def from_provider(self, message: bytes) -> tuple[Report, ...]:
        if self._running:
            self.observed_tokens += len(message) // AUDIO_BYTES + 1 if b"audio.delta" in message else len(message)
        if not any(word in message for word in _TELLING):
            return ()
        try:
            event = decode_lenient(_FROM_PROVIDER, message)
        except UNREADABLE:
            return ()
        return self._follow(event)

    def _follow(self, event: ServerEvent) -> tuple[Report, ...]:
        response = event.response or Response()
        if event.type == "response.created":
            self._running.add(response.id or "")
            del self._asked[:1]
        elif event.type == "response.done":
            self._running.discard(response.id or "")
            usage = usage_of(response.usage)
            self.prompt_tokens += self.observed_tokens if usage is None else usage.completion_tokens
            report = Report(usage=usage)
            if not self._running:
                self.observed_tokens = 0
            return (report,)
        elif event.type == TRANSCRIBED:
            reported = event.usage or RealtimeUsage()
            return (Report(usage=usage_of(reported), model=self._transcriber or "unknown", audio_s=reported.seconds or 0.0),)
        elif event.type == "error":
            self._forgive(event.error or EventError())
        return ()

    def _forgive(self, error: EventError) -> None:
        """What was asked for has been refused; an error of anything else is none of ours."""
        if error.event_id and error.event_id in self._asked:
            self._asked.remove(error.event_id)
        elif error.code == ALREADY_RUNNING:
            del self._asked[-1:]


def usage_of(reported: RealtimeUsage | None) -> Usage | None:
    """Disjoint counts; None when neither side is named. What is cached is told by what it is of."""
    if reported is None or (reported.input_tokens is None and reported.output_tokens is None):
        return None
    prompt, completion = reported.input_tokens or 0, reported.output_tokens or 0
    heard, said = reported.input_token_details or PromptDetails(), reported.output_token_details or CompletionDetails()
    counts = split_prompt(prompt, min(heard.cached_tokens or 0, prompt), *media_of(heard))
    return Usage(**counts, **split_completion(completion, Media(audio=said.audio_tokens or 0)))


def _event_in(message: bytes) -> ClientEvent:
    """Its type as a provider reads it: an escape in it hides nothing."""
    try:
        return msgspec.json.decode(message, type=ClientEvent)
    except UNREADABLE:
        return NO_EVENT


class _Transcription(msgspec.Struct, frozen=True):
    model: str | None = None


class _Input(msgspec.Struct, frozen=True):
    transcription: _Transcription | None = None


class _Audio(msgspec.Struct, frozen=True):
    input: _Input | None = None


class _SessionConfig(msgspec.Struct, frozen=True):
    audio: _Audio | None = None
    input_audio_transcription: _Transcription | None = None
    """The beta's place for it."""


class _Update(msgspec.Struct, frozen=True):
    session: _SessionConfig | None = None


def _transcriber_in(message: bytes) -> str:
    """The model that a `session.update` wants the input transcribed by; "": it says nothing of it."""
    try:
        session = msgspec.json.decode(message, type=_Update).session or _SessionConfig()
    except UNREADABLE:
        return ""
    heard = (session.audio or _Audio()).input or _Input()
    found = heard.transcription or session.input_audio_transcription or _Transcription()
    return found.model or ""


def write_event(fault: Fault) -> bytes:
    """An `error` event; the error object is that of every reply of OpenAI's."""
    body = msgspec.json.decode(write_fault(fault), type=dict[str, msgspec.Raw])
    return msgspec.json.encode({"type": "error", "event_id": f"event_{fault.request_id}", "error": body["error"]})


def read_refusal(message: bytes) -> Failure | None:
    """Whether the session begins with an error."""
    if b'"error"' not in message or _event_in(message).type != "error":
        return None
    failure = read_failure(200, {}, message, 0.0)
    return msgspec.structs.replace(failure, verdict=Verdict.SERVER_FAULT) if failure.verdict is Verdict.SUCCESS else failure


LOWEST_PRIVATE: Final = 3000
_OF_CODE = {1003: 400, 1007: 400, 1008: 403, 1009: 413, 1012: 503, 1013: 503, 3000: 401, 4000: 400, 4001: 401, 4004: 404, 4029: 429}


def read_end(code: int, reason: str) -> Failure:
    """A close frame as the HTTP error that it stands for. The reason may be a documented word: it says more than the code."""
    word = reason.partition(".")[2] if reason.startswith("invalid_request_error.") else reason
    body = msgspec.json.encode({"error": {"message": reason, "code": word or None, "type": None}})
    failure = read_failure(_OF_CODE.get(code, 500 if code < LOWEST_PRIVATE else 400), {}, body, 0.0)
    return msgspec.structs.replace(failure, code=failure.code or f"closed_{code}")


OPENAI_REALTIME = SessionProtocol(
    name="openai_realtime",
    watch=RealtimeWatch,
    write_fault=write_event,
    read_refusal=read_refusal,
    read_end=read_end,
    unbounded_cost=lambda _: "",
    opens_with_message=False,
    with_model=lambda message, _: message,
)
