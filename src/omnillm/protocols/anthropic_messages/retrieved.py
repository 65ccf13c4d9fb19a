"""Search results and documents made of blocks, which a client brings for the model to read and to cite.

No other protocol has them: they are read as a text, which says what they say, with the block itself among its extensions. To the Messages
API goes the block, verbatim.
"""

from typing import Any

from omnillm.model.message import Text

BLOCK = "content_block"
"""The extension that holds the block, but for its cache mark."""
_KINDS = frozenset({"search_result", "document"})


def words_of(block: dict[str, Any]) -> str:
    """Return title, address and text; "" where there is no text, or the block has another shape."""
    if block["type"] == "search_result":
        content, heads = block.get("content"), (block.get("title"), block.get("source"))
    else:
        content, heads = block["source"].get("content"), (block.get("title"), block.get("context"))
    pieces = [content] if type(content) is str else [_text_of(inner) for inner in content] if type(content) is list else []
    said = "\n\n".join(piece for piece in pieces if piece)
    head = "\n".join(word for word in heads if type(word) is str and word)
    return f"{head}\n\n{said}" if said and head else said


def _text_of(inner: Any) -> str:
    words = inner.get("text") if type(inner) is dict else None
    return words if type(words) is str else ""


def block_of(part: Text) -> dict[str, Any] | None:
    """Return the block that such a text stands for."""
    block = part.vendor_extensions.get(BLOCK)
    return block if type(block) is dict and type(kind := block.get("type")) is str and kind in _KINDS else None
