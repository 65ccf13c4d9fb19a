"""Gemini's Live API (https://ai.google.dev/api/live): the first message names the model, turns have no ids, and errors are close frames."""

from typing import Any, Final

import msgspec

from omnillm.errors import BadRequest
from omnillm.outcome import Verdict
from omnillm.protocols.counts import UNREADABLE, Count, decode_lenient
from omnillm.protocols.gemini_generate_content.failure import read_failure, write_fault
from omnillm.protocols.gemini_generate_content.usage import searches_of, usage_of
from omnillm.protocols.gemini_generate_content.wire import Candidate, GroundingMetadata, ModalityCount, UsageMetadata
from omnillm.protocols.protocol import Failure, Fault
from omnillm.protocols.sessions.session import AUDIO_BYTES, IMAGE_TOKENS, OWN_TOKENS, Report, SessionProtocol, spelled_out
from omnillm.usage import Usage

MODELS: Final = "models/"
IN_A_PLACE: Final = "publishers/google/models/"
"""Before it, in Vertex AI: project and location."""
ABSENT: Final = msgspec.Raw()


class LiveUsage(UsageMetadata, frozen=True, gc=False, rename="camel"):
    """As in generateContent; what is said has the name of responses, in Vertex AI that of candidates."""

    response_token_count: Count | None = None
    response_tokens_details: list[ModalityCount] | None = None


class ServerContent(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    turn_complete: bool = False
    grounding_metadata: GroundingMetadata | None = None


class ServerMessage(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    usage_metadata: LiveUsage | None = None
    server_content: ServerContent | None = None


class ClientContent(msgspec.Struct, frozen=True, gc=False):
    is_complete: bool = msgspec.field(name="turnComplete", default=False)
    is_complete_snake: bool = msgspec.field(name="turn_complete", default=False)


class ClientMessage(msgspec.Struct, frozen=True, gc=False):
    """The JSON of protocol buffers is read in both spellings."""

    setup: msgspec.Raw = ABSENT
    content: ClientContent | None = msgspec.field(name="clientContent", default=None)
    content_snake: ClientContent | None = msgspec.field(name="client_content", default=None)
    heard: msgspec.Raw = msgspec.field(name="realtimeInput", default=ABSENT)
    heard_snake: msgspec.Raw = msgspec.field(name="realtime_input", default=ABSENT)
    results: msgspec.Raw = msgspec.field(name="toolResponse", default=ABSENT)
    results_snake: msgspec.Raw = msgspec.field(name="tool_response", default=ABSENT)


_FROM_PROVIDER = msgspec.json.Decoder(ServerMessage)


class LiveWatch:
    __slots__ = ("_asked", "_is_due", "_is_metered", "_is_talking", "_last", "is_unbounded", "observed_tokens", "prompt_tokens")

    def __init__(self) -> None:
        self.prompt_tokens = OWN_TOKENS
        self.observed_tokens = 0
        self.is_unbounded = False
        self._asked = 0
        """Turns that the client has ended itself and that are not answered yet."""
        self._is_talking = False
        self._is_metered = False
        """The turn has reported what it cost."""
        self._is_due = False
        """The turn is over, its report is not there yet."""
        self._last: Usage | None = None

    @property
    def open_turns(self) -> int:
        return max(self._asked, int(self._is_talking))

    def to_provider(self, message: bytes) -> None:
        try:
            heard = msgspec.json.decode(message, type=ClientMessage)
        except UNREADABLE:
            self.prompt_tokens += len(message)
            self._asked += 1  # the provider will refuse it, or read it otherwise
            return
        is_spoken = len(heard.heard) + len(heard.heard_snake) > 0
        told = spelled_out(message)
        pictures = max(told.lower().count(b"image/"), b'"video"' in told)
        is_text = not is_spoken or b'"text"' in told
        self.prompt_tokens += (len(message) if is_text else len(message) // AUDIO_BYTES + 1) + IMAGE_TOKENS * pictures
        content = heard.content or heard.content_snake
        is_asked = content is not None and (content.is_complete or content.is_complete_snake)
        if is_asked or len(heard.results) + len(heard.results_snake) > 0:
            self._asked += 1
        if len(heard.setup) > 0:
            self.is_unbounded = b'"handle"' in told  # a session that is taken up again brings its past along
        if b'"fileUri"' in told or b'"file_uri"' in told:
            self.is_unbounded = True  # the provider fetches what it names

    def from_provider(self, message: bytes) -> tuple[Report, ...]:
        is_audio = b"audio/" in message
        if self.open_turns or is_audio:
            self.observed_tokens += len(message) // AUDIO_BYTES + 1 if is_audio else len(message)
        if b"odelTurn" in message or b"model_turn" in message or b"toolCall" in message:
            self._is_talking = True
        if b"usageMetadata" not in message and b"turnComplete" not in message:
            return ()
        try:
            told = decode_lenient(_FROM_PROVIDER, message)
        except UNREADABLE:
            return ()
        return self._follow(told)

    def _follow(self, told: ServerMessage) -> tuple[Report, ...]:
        content = told.server_content or ServerContent()
        usage = None if told.usage_metadata is None else live_usage(told.usage_metadata, content.grounding_metadata)
        reports: tuple[Report, ...] = ()
        if usage is not None:
            reports = (Report(usage=self._news(usage)),)
            self._is_metered = True
        if content.turn_complete:
            self._is_due = True
        if self._is_due and self._is_metered:
            self._close_turn()
        return reports

    def _news(self, usage: Usage) -> Usage:
        """A turn of several generations (tools) reports each; a generation that reports twice repeats its prompt, and counts on."""
        last, self._last = self._last, usage
        if last is not None and last.prompt_tokens == usage.prompt_tokens and usage.completion_tokens >= last.completion_tokens:
            news = {name: max(getattr(usage, name) - getattr(last, name), 0) for name in Usage.__struct_fields__}
            usage = Usage(**news)
        self.prompt_tokens += usage.completion_tokens
        self.observed_tokens = 0
        return usage

    def _close_turn(self) -> None:
        self._asked = max(self._asked - 1, 0)
        self._is_talking = self._is_metered = self._is_due = False
        self._last = None
        self.observed_tokens = 0


def live_usage(reported: LiveUsage, grounding: GroundingMetadata | None) -> Usage | None:
    """Disjoint counts; None when neither side is named."""
    searches = 0 if grounding is None else searches_of([Candidate(grounding_metadata=grounding)])
    said = reported.response_token_count if reported.response_token_count is not None else reported.candidates_token_count
    details = reported.response_tokens_details or reported.candidates_tokens_details
    return usage_of(msgspec.structs.replace(reported, candidates_token_count=said, candidates_tokens_details=details), searches)


def write_message(fault: Fault) -> bytes:
    """google.rpc.Status as it stands under `error` elsewhere: the SDK raises its APIError for a message without a field that it knows."""
    body = msgspec.json.decode(write_fault(fault), type=dict[str, msgspec.Raw])
    return bytes(body["error"])


_TELLING = (
    ("api key", Verdict.KEY_DEAD),
    ("unregistered callers", Verdict.KEY_DEAD),
    ("quota", Verdict.RATE_LIMITED),
    ("resource has been exhausted", Verdict.RATE_LIMITED),
    ("billing", Verdict.QUOTA_EXHAUSTED),
    ("authentication credentials", Verdict.KEY_DEAD),
    ("is not found", Verdict.NOT_FOUND),
    ("was not found", Verdict.NOT_FOUND),
    ("not supported for bidigeneratecontent", Verdict.NOT_FOUND),
    ("permission", Verdict.DENIED),
    ("overloaded", Verdict.OVERLOADED),
    ("unavailable", Verdict.OVERLOADED),
)
"""What a close frame's reason holds, in lower case. The codes alone (1007, 1008, 1011) say little: a dead key, too, is a 1007."""
_OF_CODE = {1003: 400, 1007: 400, 1008: 400, 1009: 413, 1013: 503}


def read_end(code: int, reason: str) -> Failure:
    body = msgspec.json.encode({"error": {"code": _OF_CODE.get(code, 500), "message": reason}})
    failure = read_failure(_OF_CODE.get(code, 500), {}, body, 0.0)
    text = reason.lower()
    verdict = next((verdict for words, verdict in _TELLING if words in text), failure.verdict)
    return msgspec.structs.replace(failure, verdict=verdict)


def read_refusal(message: bytes) -> Failure | None:
    """Whether the session begins with an error instead of `setupComplete`."""
    if b'"error"' not in message or b"setupComplete" in message:
        return None
    return read_failure(200, {}, message, 0.0)


class _Setup(msgspec.Struct, frozen=True):
    model: str = ""
    tools: list[dict[str, Any]] | None = None


_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_FREE_TOOLS: Final = frozenset({"functionDeclarations", "function_declarations"})


def read_setup(message: bytes) -> tuple[str, tuple[str, ...]]:
    """(public name of the model, tools of the provider's own). BadRequest: the first message is no setup, or names no model."""
    try:
        setup = msgspec.json.decode(_members(message)["setup"], type=_Setup)
    except KeyError as error:
        raise BadRequest("The first message of a live session must be its `setup`.", code="missing_setup") from error
    except UNREADABLE as error:
        raise BadRequest("The setup of the live session cannot be read.", code="invalid_json") from error
    if not setup.model:
        raise BadRequest("The setup names no model.", code="missing_model")
    tools = {name for tool in setup.tools or () for name in tool if name not in _FREE_TOOLS}
    _, is_placed, model = setup.model.rpartition(IN_A_PLACE)
    return model if is_placed else setup.model.removeprefix(MODELS), tuple(sorted(tools))


def unbounded_cost(message: bytes) -> str:
    tools = read_setup(message)[1]
    return f"nothing limits the calls of {', '.join(tools)} in a live session" if tools else ""


def with_model(message: bytes, model: str) -> bytes:
    """The setup for another model: its other members verbatim."""
    members = _members(message)
    setup = _members(members["setup"])
    name = model if "/" in model else f"{MODELS}{model}"
    if msgspec.json.decode(setup["model"]) in {model, name}:
        return message
    members["setup"] = msgspec.Raw(msgspec.json.encode({**setup, "model": name}))
    return msgspec.json.encode(members)


GEMINI_LIVE = SessionProtocol(
    name="gemini_live",
    watch=LiveWatch,
    write_fault=write_message,
    read_refusal=read_refusal,
    read_end=read_end,
    unbounded_cost=unbounded_cost,
    opens_with_message=True,
    with_model=with_model,
)
