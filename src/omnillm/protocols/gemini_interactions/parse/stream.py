"""A stream of the Interactions API, read event by event."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec

from omnillm.framing.sse import Frame
from omnillm.model.events import Completed, Failed, Finished, LlmStreamEvent, NativeEvent, ResponseStarted, UsageReported
from omnillm.model.message import Issuer, ToolCall
from omnillm.protocols.gemini_interactions.finish import FAILED, read_finish
from omnillm.protocols.gemini_interactions.moment import read_moment
from omnillm.protocols.gemini_interactions.parse.open_parts import Log, OpenStep, open_step
from omnillm.protocols.gemini_interactions.parse.reply import last_members
from omnillm.protocols.gemini_interactions.place import NAME
from omnillm.protocols.gemini_interactions.usage import read_usage
from omnillm.protocols.hints import message_of, plain_word
from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import Unfit, integer, mapping, optional_array, optional_mapping, optional_text, text

_DONE = b"[DONE]"
_USUAL_TIER = "standard"
_STATUSES = {
    "invalid_request": 400,
    "invalid_argument": 400,
    "failed_precondition": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "resource_exhausted": 429,
    "rate_limit_exceeded": 429,
    "unavailable": 503,
    "deadline_exceeded": 504,
}
_decode = msgspec.json.Decoder().decode
Event = dict[str, Any]


class InteractionsDecoder:
    """Steps are known by their `index` alone."""

    def __init__(self, issuer: Issuer, losses: Losses) -> None:  # noqa: ARG002 - the signature of `Codec.decoder`
        self._issuer = issuer
        self._steps: dict[int, OpenStep] = {}
        self._has_steps = False
        self._log = Log()
        self._tier = _USUAL_TIER
        self._is_started = False
        self._is_ended = False

    def feed(self, frame: Frame) -> Sequence[LlmStreamEvent]:
        data = frame.data
        if not data or self._is_ended or data == _DONE:
            return ()
        event = _decode(data)
        if type(event) is not dict:
            raise Unfit("event", "an object")
        kind = event.get("event_type")
        if type(kind) is not str:
            kind = "error" if event.get("error") is not None else text(kind, "event_type")
        events: list[LlmStreamEvent] = []
        self._log.events = events
        self._READERS.get(kind, InteractionsDecoder._native)(self, event)
        return events

    def finish(self) -> Sequence[LlmStreamEvent]:
        if not self._is_ended:
            raise Unfit("stream", "complete")
        return ()

    def _start(self, event: Event) -> Event:
        """Begin with what is known of the interaction; return it."""
        interaction = optional_mapping(event, "interaction") or {}
        if not self._is_started:
            self._is_started = True
            self._tier = optional_text(interaction, "service_tier", "interaction") or _USUAL_TIER
            self._log.add(
                ResponseStarted(
                    id=optional_text(interaction, "id", "interaction"),
                    model=optional_text(interaction, "model", "interaction"),
                    created=read_moment(optional_text(interaction, "created", "interaction")),
                    service_tier=optional_text(interaction, "service_tier", "interaction"),
                    protocol=NAME,
                )
            )
        return interaction

    def _step_started(self, event: Event) -> None:
        self._start({})
        index = integer(event.get("index"), "index", 0)
        if index in self._steps:
            raise Unfit("index", "that of a new step")
        self._has_steps = True
        self._steps[index] = open_step(event.get("step"), self._issuer, self._log)

    def _step_stopped(self, event: Event) -> None:
        self._step(event).close()
        del self._steps[event["index"]]

    def _step(self, event: Event) -> OpenStep:
        index = event.get("index")
        step = self._steps.get(index) if type(index) is int else None
        if step is None:
            raise Unfit("index", "that of a step that is open")
        return step

    def _completed(self, event: Event) -> None:
        interaction = self._start(event)
        for step in self._steps.values():
            step.close()
        if not self._has_steps:
            for step in optional_array(interaction, "steps", "interaction"):
                open_step(step, self._issuer, self._log).close()
        usage = read_usage(interaction["usage"], self._log.searches) if interaction.get("usage") is not None else None
        if usage is not None:
            self._log.add(UsageReported(usage=usage, raw=interaction["usage"]))
        status = optional_text(interaction, "status", "interaction")
        if status == FAILED:
            self._fail(optional_array(interaction, "errors", "interaction")[:1])
            return
        reason, native = read_finish(status, has_call=ToolCall in self._log.kinds)
        self._log.add(Finished(reason=reason, native_reason=native))
        self._log.add(Completed(vendor_extensions=self._last_members(interaction)))
        self._is_ended = True

    def _last_members(self, interaction: Event) -> Event:
        """Return what only the end says; a tier that is known only then is part of it."""
        members = last_members(interaction)
        tier = optional_text(interaction, "service_tier", "interaction") or self._tier
        return members if tier == self._tier else {**members, "service_tier": tier}

    def _error(self, event: Event) -> None:
        self._start({})
        self._fail([event.get("error")])

    def _fail(self, errors: list[Any]) -> None:
        error = errors[0] if errors and type(errors[0]) is dict else {}
        code, message = plain_word(error.get("code")), message_of(error.get("message"))
        status = _STATUSES.get(code.lower(), 500)
        self._log.add(Failed(code=code or FAILED, message=message or "The interaction failed.", status=status))
        self._is_ended = True

    def _nothing(self, event: Event) -> None:
        pass

    def _native(self, event: Event) -> None:
        self._start({})
        self._log.add(NativeEvent(protocol=NAME, value=event))

    _READERS: ClassVar[dict[str, Callable[["InteractionsDecoder", Event], object]]] = {
        "interaction.created": _start,
        "interaction.status_update": _nothing,
        "step.start": _step_started,
        "step.delta": lambda self, event: self._step(event).grow(mapping(event.get("delta"), "delta"), event),
        "step.stop": _step_stopped,
        "interaction.completed": _completed,
        "error": _error,
    }
