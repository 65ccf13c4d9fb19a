"""Images: a small picture each. A model whose name begins with "dall" is billed by the image, every other by tokens."""

import base64
import hashlib
from typing import Any

import msgspec

from omnillm.testing.families.provided import Provided, in_json
from omnillm.testing.generation import count_tokens
from omnillm.testing.replies.reading import demand
from omnillm.testing.replies.speaker import EVENT_STREAM, Malformed
from omnillm.testing.replies.writing import sse
from omnillm.testing.request import Request
from omnillm.usage import Usage

TOKENS = {"low": 272, "medium": 1056}
MOST_TOKENS = 4160
IMAGE_TOKENS = 323
"""Of one that is read."""


def generation(request: Request) -> Provided:
    body = request.json
    model, prompt = demand(body, "model", str), demand(body, "prompt", str)
    size, quality = body.get("size") or "1024x1024", body.get("quality") or "standard"
    previews = body.get("partial_images", 0) if body.get("stream") else -1
    return _made(request, model, prompt, n=body.get("n") or 1, look=f"{quality}/{size}", previews=previews)


def edit(request: Request) -> Provided:
    form = request.form()
    images = [file.content for name in ("image", "image[]", "mask") for file in form.files.get(name, ())]
    if not images:
        raise Malformed("image: Field required")
    previews = int(form.field("partial_images", "0")) if form.field("stream") == "true" else -1
    look = f"{form.field('quality', 'standard')}/{form.field('size', '1024x1024')}"
    prompt = form.field("prompt") + "".join(hashlib.sha256(image).hexdigest()[:8] for image in images)
    made = _made(request, form.field("model"), prompt, n=int(form.field("n", "1")), look=look, previews=previews)
    return made if made.usage.images else _with_read(made, len(images))


def variation(request: Request) -> Provided:
    form = request.form()
    form.file("image")
    look = f"standard/{form.field('size', '1024x1024')}"
    return _made(request, form.field("model"), "again", n=int(form.field("n", "1")), look=look, previews=-1)


def _with_read(made: Provided, images: int) -> Provided:
    """The images that are read are billed too; the reply said so, which is written anew."""
    usage = msgspec.structs.replace(made.usage, input_image=IMAGE_TOKENS * images)
    before, after = msgspec.json.encode(_counts(made.usage)), msgspec.json.encode(_counts(usage))
    pieces = tuple(piece.replace(before, after) for piece in made.pieces)
    return msgspec.structs.replace(made, usage=usage, body=made.body.replace(before, after), pieces=pieces)


def _counts(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "input_tokens_details": {"text_tokens": usage.input, "image_tokens": usage.input_image},
    }


def _made(request: Request, model: str, prompt: str, *, n: int, look: str, previews: int) -> Provided:
    """`previews` -1: not a stream."""
    drawn = [base64.b64encode(f"{prompt}:{number}".encode()).decode() for number in range(n)]
    if model.startswith("dall"):
        data = [{"b64_json": each, "revised_prompt": prompt} for each in drawn]
        return Provided(model=model, body=msgspec.json.encode({"created": request.number, "data": data}), usage=Usage(images=n), unit=look)
    tokens = TOKENS.get(look.partition("/")[0], MOST_TOKENS) * n + 100 * max(previews, 0)
    usage = Usage(input=count_tokens((prompt,)), output_image=tokens)
    if previews < 0:
        return in_json(model, {"created": request.number, "data": [{"b64_json": each} for each in drawn], "usage": _counts(usage)}, usage)
    kind = "image_edit" if request.body[:1] == b"-" else "image_generation"
    shared = {"created_at": request.number, "size": "1024x1024", "quality": "high", "background": "opaque", "output_format": "png"}
    events = [
        {"type": f"{kind}.partial_image", "b64_json": drawn[0], "partial_image_index": number, **shared} for number in range(previews)
    ]
    events.append({"type": f"{kind}.completed", "b64_json": drawn[0], "usage": _counts(usage), **shared})
    pieces = tuple(sse(event, str(event["type"])) for event in events)
    return Provided(model=model, pieces=pieces, content_type=EVENT_STREAM, usage=usage)
