"""Where the bytes of an image, a sound, a file or a video are: at a URL, inline, in a provider's file store, or plain text."""

from typing import Final

import msgspec

AS_USUAL: Final = frozenset({"", "auto"})
"""Details of a picture or a file that ask for nothing: a protocol without details loses nothing with them."""


class UrlSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, tag_field="type", tag="url"):
    """It can be fetched there."""

    url: str
    media_type: str = ""


class InlineSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, tag_field="type", tag="base64"):
    """Bytes in memory; base64 in JSON."""

    data: bytes
    media_type: str = ""
    """Such as "image/png"; "" where the protocol did not say."""


class FileSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, tag_field="type", tag="file_id"):
    """A file that a provider keeps: it means something only to the provider that issued the id."""

    file_id: str
    protocol: str = ""
    """Of the client that named it; an id never crosses to another protocol."""
    media_type: str = ""


class TextSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, tag_field="type", tag="text"):
    """A document given as plain text."""

    text: str
    media_type: str = "text/plain"


MediaSource = UrlSource | InlineSource | FileSource | TextSource
