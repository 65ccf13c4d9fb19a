"""Converse's part in translation. Upstream only: no client speaks it to the gateway, so what would read or answer one refuses."""

from typing import Any, NoReturn

from omnillm.errors import ProtocolError
from omnillm.protocols.bedrock_converse.decoder import ConverseDecoder
from omnillm.protocols.bedrock_converse.emit_request import emit_request
from omnillm.protocols.bedrock_converse.frames import EventFrames
from omnillm.protocols.bedrock_converse.parse_reply import parse_reply
from omnillm.protocols.bedrock_converse.writer import NAME
from omnillm.protocols.codec import Codec


def _no_client(*given: Any) -> NoReturn:  # noqa: ARG001 - the place of four functions
    raise ProtocolError("Converse is spoken to Bedrock, not by clients of the gateway.", reason="unsupported_wire_format")


CODEC = Codec(
    name=NAME,
    parse_request=_no_client,
    emit_request=emit_request,
    parse_reply=parse_reply,
    emit_reply=_no_client,
    decoder=ConverseDecoder,
    encoder=_no_client,
    reader=EventFrames,
)
