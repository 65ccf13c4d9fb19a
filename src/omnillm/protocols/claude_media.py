"""What weighs more than its text where Claude reads it: images, documents and Anthropic's own tools.

For Anthropic's API, and for Bedrock, where no model weighs more.

A page of a PDF is read as text and as a picture: 3,000 tokens and 1,600 at most, and together about half of that in the usual one.
"""

from typing import Final

import msgspec

from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol import WEIGHTLESS, Weight

IMAGE: Final = Weight(most=4_784, usual=1_600)
"""The largest image: in the models of high resolution, and (usual) in the older ones."""
PAGE: Final = Weight(most=4_600, usual=2_300)
MOST_PAGES: Final = 100
"""The most pages of PDFs in a request."""
USUAL_PAGES: Final = 5
"""The usual pages of a document of which nothing is known: it comes by address, by file id, or packed."""
LEAST_PAGE_BASE64: Final = 4_096
USUAL_PAGE_BASE64: Final = 65_536
UNKNOWN: Final = Weight(most=MOST_PAGES * PAGE.most, usual=USUAL_PAGES * PAGE.usual)


OWN_TOOL: Final = Weight(most=1_500, usual=700)
"""A tool that Anthropic has defined and that runs on the caller's side: its description stands in the prompt and not in the request, 245
tokens for a shell, 700 for an editor, 735 and up to 499 for a computer."""


class _Tool(msgspec.Struct, frozen=True, gc=False):
    type: str | None = None


TOOLS: Final = msgspec.json.Decoder(list[_Tool] | None)
"""Of an array of tools: the type of each."""


def own_tools(tools: bytes) -> Weight:
    """The weight of those in a JSON array of tools. Their types end in a date."""
    if b"_20" not in tools and b"\\" not in tools:
        return WEIGHTLESS
    try:
        count = sum(1 for tool in TOOLS.decode(tools) or () if tool.type not in {None, "", "custom"})
    except UNREADABLE:
        return WEIGHTLESS  # the provider says what is wrong with it
    return Weight(count * OWN_TOOL.most, count * OWN_TOOL.usual)


def pdf(base64_bytes: int) -> Weight:
    """The weight of a PDF of so many bytes in base64; 0: it does not lie in the request."""
    if not base64_bytes:
        return UNKNOWN
    most = min(1 + base64_bytes // LEAST_PAGE_BASE64, MOST_PAGES)
    usual = min(1 + base64_bytes // USUAL_PAGE_BASE64, MOST_PAGES)
    return Weight(most * PAGE.most, usual * PAGE.usual)


def plain(text_bytes: int) -> Weight:
    """The weight of a text in the place of media: a byte is at most one token, and usually a quarter."""
    return Weight(text_bytes, text_bytes // 4)
