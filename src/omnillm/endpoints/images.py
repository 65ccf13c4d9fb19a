"""Images made from a prompt, edited or varied: the canonical types, and OpenAI's replies."""

from base64 import b64decode, b64encode
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from omnillm.endpoints.format import ABSENT
from omnillm.endpoints.forms import File
from omnillm.protocols.loss import Losses
from omnillm.protocols.modalities import Media, split_completion, split_prompt
from omnillm.usage import NO_USAGE, Usage, count


class ImageRequest(Struct, frozen=True, kw_only=True, tag="images", tag_field="family", omit_defaults=True):
    """`images` and `mask`: what is to be edited (with a prompt) or varied (without one); none: made anew."""

    model: str
    prompt: str = ""
    images: tuple[File, ...] = ()
    mask: File | None = None
    n: int = 1
    size: str = ""
    quality: str = ""
    response_format: Literal["", "url", "b64_json"] = ""
    is_stream: bool = False
    user: str = ""
    vendor_extensions: dict[str, Any] = {}
    """background, output_format, style, moderation, partial_images, ..., as OpenAI names them."""


class MadeImage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One image: its `content`, or the address where it can be fetched."""

    content: bytes = b""
    url: str = ""
    revised_prompt: str = ""


class ImageResponse(Struct, frozen=True, kw_only=True, tag="images", tag_field="family", omit_defaults=True):
    """The images that were made, as addresses or as bytes."""

    images: tuple[MadeImage, ...]
    created: int = 0
    usage: Usage = NO_USAGE


def emit_request(request: ImageRequest, _: Losses) -> dict[str, Any]:
    """Of a generation: JSON. Of an edit or variation: the members of the form, its files as `File`."""
    members: dict[str, Any] = {"model": request.model, "prompt": request.prompt, "n": request.n, "size": request.size}
    members |= {"quality": request.quality, "response_format": request.response_format, "user": request.user}
    members = {name: value for name, value in members.items() if value} | request.vendor_extensions
    if request.is_stream:
        members["stream"] = True
    if request.images:
        members["image[]" if len(request.images) > 1 else "image"] = request.images if len(request.images) > 1 else request.images[0]
    if request.mask is not None:
        members["mask"] = request.mask
    return members


class _Made(Struct, frozen=True):
    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class _Reply(Struct, frozen=True):
    data: list[_Made]
    created: int = 0
    usage: Any = None


class SeenImages(Struct, frozen=True):
    data: Raw = ABSENT
    usage: Raw = ABSENT
    svg_usage: Raw = ABSENT
    error: Raw = ABSENT


_elements = msgspec.json.Decoder(list[Raw]).decode


def usage_of(counts: Any) -> Usage | None:
    """Of a decoded usage object; None: it counts nothing. Tokens that are not told to be of text are of pictures, the dearer kind."""
    told = counts if isinstance(counts, dict) else {}
    prompt, made = count(told.get("input_tokens")), count(told.get("output_tokens"))
    if not prompt and not made:
        return None
    cached = min(count(told.get("cached_tokens")), prompt)
    seen = Media(image=max(prompt - detail(told, "input_tokens_details", "text_tokens"), 0))
    seen_cached = Media(image=max(cached - detail(told, "cached_tokens_details", "cached_text_tokens"), 0))
    drawn = Media(image=max(made - detail(told, "output_tokens_details", "text_tokens"), 0))
    return Usage(**split_prompt(prompt, cached, seen, seen_cached), **split_completion(made, drawn))


def detail(counts: dict[str, Any], details: str, name: str) -> int:
    told = counts.get(details)
    return count(told.get(name)) if isinstance(told, dict) else 0


def usage_seen(seen: SeenImages) -> Usage | None:
    """The usage: by tokens, and by the image where the reply tells no tokens for what was made."""
    told = [found for raw in (seen.usage, seen.svg_usage) if (found := usage_of(msgspec.json.decode(raw))) is not None]
    usage = sum(told, start=NO_USAGE)
    return usage if usage.completion_tokens else msgspec.structs.replace(usage, images=len(_elements(seen.data)))


def parse_response(body: bytes) -> ImageResponse:
    reply = msgspec.json.decode(body, type=_Reply)
    images = tuple(
        MadeImage(content=b64decode(each.b64_json or ""), url=each.url or "", revised_prompt=each.revised_prompt or "")
        for each in reply.data
    )
    return ImageResponse(images=images, created=reply.created, usage=usage_of(reply.usage) or Usage(images=len(images)))


def emit_response(response: ImageResponse, _: ImageRequest, __: Losses) -> dict[str, Any]:
    data = []
    for each in response.images:
        made = {"b64_json": b64encode(each.content).decode(), "url": each.url, "revised_prompt": each.revised_prompt}
        data.append({name: value for name, value in made.items() if value})
    return {"created": response.created, "data": data} | ({"usage": _counts(response.usage)} if response.usage.total_tokens else {})


def _counts(usage: Usage) -> dict[str, Any]:
    cached, prompt = usage.cache_read + usage.cache_read_image, usage.prompt_tokens
    text = usage.input + usage.cache_read
    counts: dict[str, Any] = {
        "input_tokens": prompt,
        "input_tokens_details": {"text_tokens": text, "image_tokens": prompt - text},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"text_tokens": usage.output, "image_tokens": usage.completion_tokens - usage.output},
        "total_tokens": usage.total_tokens,
    }
    if cached:
        details = {"cached_text_tokens": usage.cache_read, "cached_image_tokens": usage.cache_read_image}
        counts |= {"cached_tokens": cached, "cached_tokens_details": details}
    return counts
