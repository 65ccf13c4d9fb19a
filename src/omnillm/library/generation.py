"""Calls in the canonical model: `LlmRequest` in, `LlmResponse` or events out, whatever the provider speaks."""

from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec

from omnillm.framing.sse import SseReader
from omnillm.gateway.relay import Relay
from omnillm.library.primitive import Completed
from omnillm.model import events
from omnillm.model.assembly import ResponseAssembler
from omnillm.model.events import LlmStreamEvent
from omnillm.model.response import LlmResponse
from omnillm.money import format_usd
from omnillm.protocols.codecs import provider_mistake
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.loss import LossReason
from omnillm.protocols.shapes import Unfit

T = TypeVar("T")
_RESPONSE = msgspec.json.Decoder(LlmResponse)
_EVENT = msgspec.json.Decoder(LlmStreamEvent)


class GatewayResponse(LlmResponse, frozen=True, kw_only=True, omit_defaults=True):
    """A reply, and what the gateway knows of it."""

    cost_nanousd: int = 0
    request_id: str = ""
    provider: str = ""
    key: str = ""
    """Label of the provider key that answered."""
    attempts: int = 0
    loss_reasons: tuple[LossReason, ...] = ()
    """What could not be said in the provider's protocol, or in the canonical model; empty: nothing was lost."""
    is_replay: bool = False
    """The reply of an earlier call with the same idempotency key, whose `request_id` this is. It cost nothing this time."""

    @property
    def cost_usd(self) -> str:
        """Exact decimal USD."""
        return format_usd(self.cost_nanousd)


def read_response(relay: Relay, body: bytes) -> GatewayResponse:
    return _known(relay, decode_response(body))


def decode_response(body: bytes) -> LlmResponse:
    return _decoded(_RESPONSE, body)


def _decoded(decoder: "msgspec.json.Decoder[T]", said: bytes) -> T:
    """Decode canonical JSON. UpstreamLost: a provider's values are nested too deeply for the stack that is left here."""
    try:
        return decoder.decode(said)
    except UNREADABLE as error:
        raise provider_mistake(Unfit("", "one that can be read again"), None) from error


def _known(relay: Relay, response: LlmResponse) -> GatewayResponse:
    case = relay.case
    fields = {name: getattr(response, name) for name in response.__struct_fields__}
    return GatewayResponse(
        **fields,
        cost_nanousd=case.cost_nanousd,
        request_id=case.request_id,
        provider=relay.lease.provider,
        key=relay.lease.key,
        attempts=case.attempts,
        loss_reasons=case.losses,
    )


async def read_events(relay: Relay) -> AsyncIterator[LlmStreamEvent | Completed]:
    """Every event, and instead of the provider's own end one `Completed` with the whole reply. A cut stream raises."""
    reader, assembler = SseReader(), ResponseAssembler()
    try:
        while piece := await relay.read():
            for frame in reader.feed(piece):
                event = _decoded(_EVENT, frame.data)
                assembler.feed(event)
                if type(event) is not events.Completed:
                    yield event
    except BaseException as error:
        relay.case.raise_defect(error)
        raise
    case = relay.case
    yield Completed(
        usage=case.usage,
        cost_nanousd=case.cost_nanousd,
        request_id=case.request_id,
        attempts=case.attempts,
        response=_known(relay, assembler.response()),
    )
