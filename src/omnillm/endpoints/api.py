"""Requests and replies of all families, and the formats for programs that call a family with its canonical types.

A canonical format is to a family what `protocols/canonical.py` is to generation: the library's calls come in it, and no provider speaks it.
A family with one wire format needs none; it is called in that.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from omnillm.endpoints.audio import SpeechRequest, SpeechResponse, TranscriptionRequest, TranscriptionResponse
from omnillm.endpoints.embeddings import EmbeddingRequest, EmbeddingResponse, matched
from omnillm.endpoints.format import ABSENT, EMBEDDINGS, RERANK, Format, openai_protocol, reply_peek
from omnillm.endpoints.images import ImageRequest, ImageResponse
from omnillm.endpoints.moderation import ModerationRequest, ModerationResponse
from omnillm.endpoints.rerank import RerankRequest, RerankResponse
from omnillm.endpoints.shapes import misfit
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import WEIGHTLESS, Members, RequestPeek

# fmt: off
__all__ = [
    "ApiRequest", "ApiResponse", "EmbeddingRequest", "EmbeddingResponse", "ImageRequest", "ImageResponse", "ModerationRequest",
    "ModerationResponse", "RerankRequest", "RerankResponse", "SpeechRequest", "SpeechResponse", "TranscriptionRequest",
    "TranscriptionResponse", "called_in",
]
# fmt: on

ApiRequest = EmbeddingRequest | ModerationRequest | RerankRequest | ImageRequest | SpeechRequest | TranscriptionRequest
ApiResponse = EmbeddingResponse | ModerationResponse | RerankResponse | ImageResponse | SpeechResponse | TranscriptionResponse


class _Seen(Struct, frozen=True):
    vectors: Raw = ABSENT
    results: Raw = ABSENT
    error: Raw = ABSENT


def _canonical(operation: str, request_type: type[Any], response_type: type[Any]) -> Format:
    def parse(members: Members, *, model: str = "") -> Any:
        try:
            request = msgspec.json.decode(msgspec.json.encode(members), type=request_type)
        except UNREADABLE as error:
            raise misfit(operation, str(error)) from error
        return msgspec.structs.replace(request, model=model or request.model)

    def write(value: Any) -> dict[str, Any]:
        written: dict[str, Any] = msgspec.to_builtins(value)
        return written

    def answer(response: Any, request: Any, _: Losses) -> dict[str, Any]:
        if isinstance(response, EmbeddingResponse):
            matched(response, request)
        return write(response)

    def emit(request: Any, _: Losses) -> dict[str, Any]:
        return write(request)

    return Format(
        protocol=openai_protocol(
            f"canonical_{operation}",
            peek_request=lambda members: RequestPeek(model=parse(members).model, output_cap=0),
            peek_reply=reply_peek(_Seen, lambda _: None, whole=("vectors", "results")),
            weigh=lambda _: (0, WEIGHTLESS),  # what is sent is weighed, and this never is
        ),
        operation=operation,
        parse_request=parse,
        emit_request=emit,
        parse_response=msgspec.json.Decoder(response_type).decode,
        emit_response=answer,
    )


CANONICAL_EMBEDDINGS: Final = _canonical(EMBEDDINGS, EmbeddingRequest, EmbeddingResponse)
CANONICAL_RERANK: Final = _canonical(RERANK, RerankRequest, RerankResponse)


def called_in(request: ApiRequest) -> str:
    """The wire format in which a program's own request comes to the gateway."""
    if isinstance(request, EmbeddingRequest | RerankRequest):
        return f"canonical_{EMBEDDINGS if isinstance(request, EmbeddingRequest) else RERANK}"
    if isinstance(request, ModerationRequest):
        return "openai_moderations"
    if isinstance(request, SpeechRequest):
        return "openai_speech"
    if isinstance(request, TranscriptionRequest):
        return "openai_translations" if request.is_translation else "openai_transcriptions"
    if not request.images:
        return "openai_image_generations"
    return "openai_image_edits" if request.prompt else "openai_image_variations"
