"""The codec of Chat Completions."""

import msgspec

from omnillm.protocols.codec import Codec
from omnillm.protocols.openai_chat.decoder import ChatDecoder
from omnillm.protocols.openai_chat.emit_reply import emit_reply
from omnillm.protocols.openai_chat.emit_request import emit_request
from omnillm.protocols.openai_chat.encoder import ChatEncoder
from omnillm.protocols.openai_chat.parse_reply import OwnReply, parse_reply
from omnillm.protocols.openai_chat.parse_request import parse_request
from omnillm.protocols.openai_chat.place import NAME

CODEC = Codec(
    name=NAME,
    parse_request=parse_request,
    emit_request=emit_request,
    parse_reply=parse_reply,
    emit_reply=emit_reply,
    decoder=ChatDecoder,
    encoder=ChatEncoder,
    own_reply=msgspec.json.Decoder(OwnReply),
)
