"""What translation needs of the Responses API."""

from omnillm.protocols.codec import Codec
from omnillm.protocols.openai_responses.decoder import ResponsesDecoder
from omnillm.protocols.openai_responses.emit_reply import emit_reply
from omnillm.protocols.openai_responses.emit_request import emit_request
from omnillm.protocols.openai_responses.encoder import ResponsesEncoder
from omnillm.protocols.openai_responses.parse_reply import parse_reply
from omnillm.protocols.openai_responses.parse_request import parse_request
from omnillm.protocols.openai_responses.place import NAME

CODEC = Codec(
    name=NAME,
    parse_request=parse_request,
    emit_request=emit_request,
    parse_reply=parse_reply,
    emit_reply=emit_reply,
    decoder=ResponsesDecoder,
    encoder=ResponsesEncoder,
)
