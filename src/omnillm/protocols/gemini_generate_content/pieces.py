"""The model's texts in a history, put together again: Gemini's clients bring each piece of a stream back as a part of its own.

For other protocols only, in which such parts are texts of their own, and some hosts set them apart. To Gemini go the parts as they came,
each with its signature.
"""

from msgspec.structs import replace

from omnillm.model.message import Message, MessagePart, MessageRole, RequestItem, Text
from omnillm.model.request import LlmRequest


def with_whole_texts(request: LlmRequest) -> LlmRequest:
    """Return the request with one text for what the model said without a break."""
    items = tuple(_whole(item) for item in request.input)
    return replace(request, input=items)


def _whole(item: RequestItem) -> RequestItem:
    if type(item) is not Message or item.role is not MessageRole.ASSISTANT or len(item.parts) < 2:
        return item
    parts: list[MessagePart] = []
    pieces: list[Text] = []
    for part in item.parts:
        if type(part) is Text and not (part.citations or part.cache_control or part.vendor_extensions):
            pieces.append(part)
            if part.signature is not None:  # of all that was said before it
                parts += _joined(pieces)
                pieces = []
        else:
            parts += [*_joined(pieces), part]
            pieces = []
    return replace(item, parts=(*parts, *_joined(pieces)))


def _joined(pieces: list[Text]) -> list[Text]:
    """None where nothing is said, as with the piece that ends a stream."""
    said = "".join([piece.text for piece in pieces])
    if not said and (not pieces or pieces[-1].signature is None):
        return []
    return pieces if len(pieces) == 1 else [replace(pieces[-1], text=said)]
