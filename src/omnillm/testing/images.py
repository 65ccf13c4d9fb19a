"""The images of a request, in whatever form its protocol gives them."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

IMAGE_TOKENS = 100
"""Each image costs as many tokens of the prompt."""


class NoImage(ValueError):
    """What calls itself an image is no base64."""


def images_in(node: object) -> Iterator[str]:
    """Yields "an image of N bytes" or "an image at URL" for each image anywhere in a message, in order. Raises NoImage."""
    if isinstance(node, list):
        for element in node:
            yield from images_in(element)
    elif isinstance(node, dict):
        told = _told(node)
        if told:
            yield told
        else:
            for member in node.values():
                yield from images_in(member)


def _told(node: dict[str, Any]) -> str:
    """What the image that this object is looks like, "" when it is none."""
    match node:
        case {"type": "image_url", "image_url": {"url": str(url)}} | {"type": "input_image", "image_url": str(url)}:
            return _at(url)
        case {"type": "input_image", "file_id": str(name)} | {"type": "image", "source": {"file_id": str(name)}}:
            return f"an image at {name}"
        case {"type": "image", "source": {"url": str(url)}} | {"type": "image", "uri": str(url)}:
            return _at(url)
        case (
            {"type": "image", "source": {"data": str(packed)}}
            | {"type": "image", "data": str(packed)}
            | {"image": {"source": {"bytes": str(packed)}}}
        ):
            return _of(packed)
        case {"inlineData": dict(blob)} | {"inline_data": dict(blob)} if _is_image(blob) and isinstance(blob.get("data"), str):
            return _of(blob["data"])
        case {"fileData": dict(file)} | {"file_data": dict(file)} if _is_image(file):
            return f"an image at {file.get('fileUri', file.get('file_uri'))}"
    return ""


def _is_image(blob: dict[str, Any]) -> bool:
    return str(blob.get("mimeType", blob.get("mime_type", ""))).startswith("image/")


def _at(url: str) -> str:
    return _of(url.partition(",")[2]) if url.startswith("data:") else f"an image at {url}"


def _of(packed: str) -> str:
    """Either alphabet of base64: Google's own SDK writes the one for URLs."""
    standard = packed.translate(str.maketrans("-_", "+/"))
    try:
        return f"an image of {len(base64.b64decode(standard, validate=True))} bytes"
    except (binascii.Error, ValueError) as broken:
        raise NoImage("Could not process image: it is not valid base64.") from broken
