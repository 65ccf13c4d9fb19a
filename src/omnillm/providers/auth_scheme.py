"""Where a provider key stands in a request."""

import msgspec


class Bearer(msgspec.Struct, frozen=True, tag="bearer"):
    """`authorization: Bearer KEY`."""


class Header(msgspec.Struct, frozen=True, tag="header"):
    """`NAME: KEY`, for a header of another name than the kind's own."""

    name: str


class Query(msgspec.Struct, frozen=True, tag="query"):
    """`?NAME=KEY`: such a request target is never logged."""

    name: str


class Entra(msgspec.Struct, frozen=True, tag="entra"):
    """`authorization: Bearer TOKEN`, a token of Microsoft Entra ID that is renewed."""


AuthScheme = Bearer | Header | Query | Entra
