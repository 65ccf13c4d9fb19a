"""The wire formats of images, which are OpenAI's: generations come as JSON, edits and variations as forms."""

import re
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from omnillm.endpoints.format import (
    IMAGE_EDITS,
    IMAGE_GENERATIONS,
    IMAGE_VARIATIONS,
    EventWatch,
    Format,
    openai_protocol,
    reply_peek,
    text_alone,
    text_weight,
)
from omnillm.endpoints.forms import Flag, Part, UploadedFile, Whole, one
from omnillm.endpoints.images import ImageRequest, SeenImages, emit_request, emit_response, parse_response, usage_of, usage_seen
from omnillm.endpoints.shapes import ModelName, Shape, Text
from omnillm.protocols.extras import Asked
from omnillm.protocols.protocol import Members, RequestPeek, Weight

INPUT_IMAGE_TOKENS: Final = 8192
"""The most tokens of one image that a model reads (in high fidelity)."""
MOST_IMAGES: Final = 10
_QUALITY_AND_SIZE: Final = re.compile(r"[a-z0-9x/_-]{1,40}")
UNBOUNDED: Final = "the tokens of an image (max_output of the model under pricing.overrides says how many it has at most)"


class WireGeneration(Struct, frozen=True):
    model: ModelName
    prompt: Text
    n: Annotated[int, Meta(ge=1, le=MOST_IMAGES)] = 1
    size: str = ""
    quality: str = ""
    response_format: Literal["url", "b64_json"] | None = None
    stream: bool = False
    partial_images: Annotated[int, Meta(ge=0, le=3)] = 0
    user: str = ""


class WireEdit(Struct, frozen=True):
    """The fields of a form: all are text."""

    model: ModelName
    prompt: Text
    image: Annotated[list[UploadedFile], Meta(min_length=1, max_length=16)] | UploadedFile
    mask: UploadedFile | None = None
    n: Whole = "1"
    size: str = ""
    quality: str = ""
    response_format: Literal["url", "b64_json"] | None = None
    stream: Flag = "false"
    partial_images: Whole = "0"
    user: str = ""


class WireVariation(Struct, frozen=True):
    image: UploadedFile
    model: ModelName
    n: Whole = "1"
    size: str = ""
    response_format: Literal["url", "b64_json"] | None = None
    user: str = ""


GENERATION: Final = Shape(WireGeneration)
EDIT: Final = Shape(WireEdit)
VARIATION: Final = Shape(WireVariation)


def _asked(*, n: int, size: str, quality: str, partial_images: int) -> Asked:
    told = f"{quality or 'standard'}/{size or '1024x1024'}".lower()
    return Asked(
        images=n,
        image=told if _QUALITY_AND_SIZE.fullmatch(told) else "",
        output_turns=2 if partial_images else 1,  # each of at most three previews has a hundred tokens
        unbounded_output=UNBOUNDED,
    )


# Generations


def _peek_generation(members: Members) -> RequestPeek:
    asked = GENERATION.read(members)
    return RequestPeek(model=asked.model, is_stream=asked.stream, n=asked.n)


def _generation_asks(members: Members) -> Asked:
    asked = GENERATION.read(members)
    return _asked(n=asked.n, size=asked.size, quality=asked.quality, partial_images=asked.partial_images)


def parse_generation(members: Members, *, model: str = "") -> ImageRequest:
    asked = GENERATION.read(members)
    rest = GENERATION.rest(members)
    return ImageRequest(
        model=model or asked.model,
        prompt=asked.prompt,
        n=asked.n,
        size=asked.size,
        quality=asked.quality,
        response_format=asked.response_format or "",
        is_stream=asked.stream,
        user=asked.user,
        vendor_extensions=rest | ({"partial_images": asked.partial_images} if asked.partial_images else {}),
    )


# Edits and variations


def _peek_edit(members: Members) -> RequestPeek:
    asked = EDIT.read(members)
    return RequestPeek(model=asked.model, is_stream=asked.stream == "true", n=one("n", asked.n, MOST_IMAGES))


def _edit_asks(members: Members) -> Asked:
    asked = EDIT.read(members)
    partial_images = one("partial_images", asked.partial_images, 3, least=0)
    return _asked(n=one("n", asked.n, MOST_IMAGES), size=asked.size, quality=asked.quality, partial_images=partial_images)


def _weigh_edit(members: Members) -> tuple[int, Weight]:
    asked = EDIT.read(members)
    images = asked.image if isinstance(asked.image, list) else [asked.image]
    return text_weight([asked.prompt]), _input_tokens(len(images) + (asked.mask is not None))


def _input_tokens(images: int) -> Weight:
    tokens = INPUT_IMAGE_TOKENS * images
    return Weight(tokens, tokens)


def _peek_variation(members: Members) -> RequestPeek:
    asked = VARIATION.read(members)
    return RequestPeek(model=asked.model, n=one("n", asked.n, MOST_IMAGES))


def _variation_asks(members: Members) -> Asked:
    asked = VARIATION.read(members)
    return _asked(n=one("n", asked.n, MOST_IMAGES), size=asked.size, quality="", partial_images=0)


_PARTS: Final[Part] = {
    "peek_reply": reply_peek(SeenImages, usage_seen, whole=("data",)),
    "watch": lambda _: EventWatch(usage_of),
}
_CODEC: Final[Part] = {"emit_request": emit_request, "parse_response": parse_response, "emit_response": emit_response}

OPENAI_IMAGE_GENERATIONS: Final = Format(
    protocol=openai_protocol(
        "openai_image_generations",
        peek_request=_peek_generation,
        weigh=text_alone(lambda members: text_weight([GENERATION.read(members).prompt])),
        asks=_generation_asks,
        **_PARTS,
    ),
    operation=IMAGE_GENERATIONS,
    parse_request=parse_generation,
    **_CODEC,
)
OPENAI_IMAGE_EDITS: Final = Format(
    protocol=openai_protocol(
        "openai_image_edits",
        peek_request=_peek_edit,
        weigh=_weigh_edit,
        asks=_edit_asks,
        **_PARTS,
    ),
    operation=IMAGE_EDITS,
    **_CODEC,
)
OPENAI_IMAGE_VARIATIONS: Final = Format(
    protocol=openai_protocol(
        "openai_image_variations",
        peek_request=_peek_variation,
        weigh=lambda _: (0, _input_tokens(1)),
        asks=_variation_asks,
        **_PARTS,
    ),
    operation=IMAGE_VARIATIONS,
    **_CODEC,
)
