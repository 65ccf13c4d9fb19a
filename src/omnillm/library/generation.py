"""Calls in the canonical model: `LlmRequest` in, `LlmResponse` or events out, whatever the provider speaks."""

from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec

from omnillm.framing.sse import SseReader
from omnillm.gateway.replies.relay import Relay
from omnillm.library.primitive import Completed
from omnillm.library.response import GatewayResponse
from omnillm.model import events
from omnillm.model.assembly import ResponseAssembler
from omnillm.model.events import LlmStreamEvent
from omnillm.model.response import LlmResponse
from omnillm.protocols.codecs import provider_mistake
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.shapes import Unfit

T = TypeVar("T")
_RESPONSE = msgspec.json.Decoder(LlmResponse)
_EVENT = msgspec.json.Decoder(LlmStreamEvent)


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
        provider=relay.lease.provider,
        model=relay.lease.model,
        key=relay.lease.key,
        response=_known(relay, assembler.response()),
    )
