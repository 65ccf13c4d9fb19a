"""generateContent's part in translation."""

from omnillm.protocols.codec import Codec
from omnillm.protocols.gemini_generate_content.decoder import GenerateContentDecoder
from omnillm.protocols.gemini_generate_content.emit_reply import emit_reply
from omnillm.protocols.gemini_generate_content.emit_request import emit_request
from omnillm.protocols.gemini_generate_content.encoder import GenerateContentEncoder
from omnillm.protocols.gemini_generate_content.parse_reply import parse_reply
from omnillm.protocols.gemini_generate_content.parse_request import parse_request
from omnillm.protocols.gemini_generate_content.place import NAME

CODEC = Codec(
    name=NAME,
    parse_request=parse_request,
    emit_request=emit_request,
    parse_reply=parse_reply,
    emit_reply=emit_reply,
    decoder=GenerateContentDecoder,
    encoder=GenerateContentEncoder,
)
