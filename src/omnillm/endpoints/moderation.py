"""Moderation: what is to be judged, and the judgement. OpenAI's wire format is the only one."""

from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct

from omnillm.endpoints.format import ABSENT, MODERATIONS, Format, openai_protocol, reply_peek, text_weight
from omnillm.endpoints.shapes import ModelName, Shape, misfit
from omnillm.protocols.loss import Losses
from omnillm.protocols.protocol import Members, RequestPeek, Weight

DEFAULT_MODEL: Final = "omni-moderation-latest"
"""What OpenAI takes when the request names none."""
IMAGE_TOKENS: Final = 4096


class ModerationRequest(Struct, frozen=True, kw_only=True, tag="moderations", tag_field="family", omit_defaults=True):
    """Texts are judged one by one, `parts` (text and images, as OpenAI writes them) together."""

    model: str = DEFAULT_MODEL
    texts: tuple[str, ...] = ()
    parts: tuple[dict[str, Any], ...] = ()
    vendor_extensions: dict[str, Any] = {}


class Judgement(Struct, frozen=True, kw_only=True):
    is_flagged: bool
    categories: dict[str, bool]
    scores: dict[str, float]


class ModerationResponse(Struct, frozen=True, kw_only=True, tag="moderations", tag_field="family", omit_defaults=True):
    """A judgement of each input, in their order."""

    results: tuple[Judgement, ...]
    model: str = ""
    id: str = ""


class _ImageUrl(Struct, frozen=True):
    url: str


class _Part(Struct, frozen=True):
    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: _ImageUrl | None = None


class OpenAiModeration(Struct, frozen=True):
    input: str | list[str | _Part]
    model: ModelName = DEFAULT_MODEL


OPENAI: Final = Shape(OpenAiModeration)


def _read(members: Members) -> tuple[OpenAiModeration, list[str], list[_Part]]:
    """(the request, its texts, its parts): one of the two is empty."""
    asked = OPENAI.read(members)
    given = [asked.input] if isinstance(asked.input, str) else asked.input
    texts = [each for each in given if isinstance(each, str)]
    parts = [each for each in given if not isinstance(each, str)]
    if not given or (texts and parts):
        raise misfit("input", "it must be a text, a list of texts, or a list of parts")
    for place, part in enumerate(parts):
        if getattr(part, part.type) is None:
            raise misfit(f"input[{place}].{part.type}", "it is required")
    return asked, texts, parts


def parse_openai_request(members: Members, *, model: str = "") -> ModerationRequest:
    asked, texts, parts = _read(members)
    return ModerationRequest(
        model=model or asked.model,
        texts=tuple(texts),
        parts=tuple({key: value for key, value in msgspec.to_builtins(part).items() if value is not None} for part in parts),
        vendor_extensions=OPENAI.rest(members),
    )


def emit_openai_request(request: ModerationRequest, _: Losses) -> dict[str, Any]:
    given: Any = request.parts or (request.texts[0] if len(request.texts) == 1 else request.texts)
    return {"model": request.model, "input": given}


class _Result(Struct, frozen=True):
    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]


class _Reply(Struct, frozen=True):
    results: list[_Result]
    model: str = ""
    id: str = ""


def parse_openai_response(body: bytes) -> ModerationResponse:
    reply = msgspec.json.decode(body, type=_Reply)
    return ModerationResponse(
        results=tuple(
            Judgement(is_flagged=each.flagged, categories=each.categories, scores=each.category_scores) for each in reply.results
        ),
        model=reply.model,
        id=reply.id,
    )


def emit_openai_response(response: ModerationResponse, request: ModerationRequest, _: Losses) -> dict[str, Any]:
    return {
        "id": response.id,
        "model": response.model or request.model,
        "results": [
            {"flagged": each.is_flagged, "categories": each.categories, "category_scores": each.scores} for each in response.results
        ],
    }


class _Seen(Struct, frozen=True):
    results: Raw = ABSENT
    error: Raw = ABSENT


def _weigh(members: Members) -> tuple[int, Weight]:
    _, texts, parts = _read(members)
    tokens = IMAGE_TOKENS * sum(part.type == "image_url" for part in parts)
    return text_weight([*texts, *(part.text or "" for part in parts)]), Weight(tokens, tokens)


OPENAI_MODERATIONS: Final = Format(
    protocol=openai_protocol(
        "openai_moderations",
        peek_request=lambda members: RequestPeek(model=_read(members)[0].model, output_cap=0),
        peek_reply=reply_peek(_Seen, lambda _: None, whole=("results",)),
        weigh=_weigh,
    ),
    operation=MODERATIONS,
    parse_request=parse_openai_request,
    emit_request=emit_openai_request,
    parse_response=parse_openai_response,
    emit_response=emit_openai_response,
)
