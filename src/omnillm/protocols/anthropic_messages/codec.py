"""The Messages API's part in translation."""

import msgspec

from omnillm.protocols.anthropic_messages.decoder import MessageDecoder
from omnillm.protocols.anthropic_messages.emit_reply import emit_reply
from omnillm.protocols.anthropic_messages.emit_request import emit_request
from omnillm.protocols.anthropic_messages.encoder import MessageEncoder
from omnillm.protocols.anthropic_messages.parse_blocks import NAME
from omnillm.protocols.anthropic_messages.parse_reply import parse_reply
from omnillm.protocols.anthropic_messages.parse_request import OwnRequest, parse_request
from omnillm.protocols.codec import Codec

CODEC = Codec(
    name=NAME,
    parse_request=parse_request,
    emit_request=emit_request,
    parse_reply=parse_reply,
    emit_reply=emit_reply,
    decoder=MessageDecoder,
    encoder=MessageEncoder,
    own_request=msgspec.json.Decoder(OwnRequest),
)
