"""Calls in the canonical model: `LlmRequest` in, `LlmResponse` or events out, whatever the provider speaks."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from omnillm.framing.sse import SseReader
from omnillm.gateway.case import Case
from omnillm.gateway.replies.relay import Relay
from omnillm.library.primitive import Completed
from omnillm.library.response import GatewayResponse
from omnillm.library.streams import Stream, completed, known_of
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
    return _known(relay.case, decode_response(body))


def decode_response(body: bytes) -> LlmResponse:
    return _decoded(_RESPONSE, body)


def _decoded(decoder: "msgspec.json.Decoder[T]", said: bytes) -> T:
    """Decode canonical JSON. UpstreamLost: a provider's values are nested too deeply for the stack that is left here."""
    try:
        return decoder.decode(said)
    except UNREADABLE as error:
        raise provider_mistake(Unfit("", "one that can be read again"), None) from error


def _known(case: Case, response: LlmResponse) -> GatewayResponse:
    fields = {name: getattr(response, name) for name in response.__struct_fields__}
    return GatewayResponse(**(fields | known_of(case)), loss_reasons=case.losses)


def read_events(relay: Relay) -> Stream[LlmStreamEvent | Completed]:
    """Every event, and instead of the provider's own end one `Completed` with the whole reply. A cut stream raises."""
    reader, assembler = SseReader(), ResponseAssembler()

    def decode(piece: bytes) -> Iterator[LlmStreamEvent | Completed]:
        for frame in reader.feed(piece):
            event = _decoded(_EVENT, frame.data)
            assembler.feed(event)
            if type(event) is not events.Completed:
                yield event
        if not piece:
            yield replace(completed(relay.case), response=_known(relay.case, assembler.response()))

    return Stream(relay, relay.read, decode)
