"""What images and documents weigh where Claude reads them: at its own API and, as the heaviest of all models there, in Bedrock.

A page of a PDF is read as text and as a picture: 3,000 tokens and 1,600 at most, and together about half of that in the usual one.
"""

from typing import Final

from omnillm.protocols.protocol import Weight

IMAGE: Final = Weight(most=4_784, usual=1_600)
"""The largest weighs so much in the high-resolution models, and what is usual here in the older ones."""
PAGE: Final = Weight(most=4_600, usual=2_300)
MOST_PAGES: Final = 100
"""That a request may have."""
USUAL_PAGES: Final = 5
"""Where nothing is known of a document but that there is one: by address, by file id, or packed."""
LEAST_PAGE_BASE64: Final = 4_096
USUAL_PAGE_BASE64: Final = 65_536
UNKNOWN: Final = Weight(most=MOST_PAGES * PAGE.most, usual=USUAL_PAGES * PAGE.usual)


def pdf(base64_bytes: int) -> Weight:
    """Of one that lies in the request; 0 bytes: it does not."""
    if not base64_bytes:
        return UNKNOWN
    most = min(1 + base64_bytes // LEAST_PAGE_BASE64, MOST_PAGES)
    usual = min(1 + base64_bytes // USUAL_PAGE_BASE64, MOST_PAGES)
    return Weight(most * PAGE.most, usual * PAGE.usual)


def plain(text_bytes: int) -> Weight:
    """Of a text that stands where media stand: a byte is a token at most, and usually a quarter of one."""
    return Weight(text_bytes, text_bytes // 4)
