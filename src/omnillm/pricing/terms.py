"""What in a call decides which of a model's rates apply, beyond what its usage counts."""

import msgspec


class Terms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    tier: str = ""
    """The service tier, as price lists call it; "": standard."""
    place: str = ""
    """Where the model must run, if that has a price; "": anywhere."""
    tools: tuple[str, ...] = ()
    """The provider's own tools that are paid by the call and that the call may use, in order; empty: none named."""

    image: str = ""
    """Quality and size of an image that is asked for, "high/1024x1536"; "": not said."""

    def __str__(self) -> str:
        """As it stands in a price's version: "" for the plain terms, else ";tier=priority;tools=file_search+web_search"."""
        parts = (("tier", self.tier), ("place", self.place), ("tools", "+".join(self.tools)), ("image", self.image))
        return "".join(f";{name}={value}" for name, value in parts if value)

    @classmethod
    def parse(cls, written: str) -> "Terms":
        """From the form of `str`."""
        parts = dict(part.split("=", 1) for part in written.split(";") if part)
        tools = parts.get("tools", "")
        return cls(
            tier=parts.get("tier", ""),
            place=parts.get("place", ""),
            tools=tuple(tools.split("+")) if tools else (),
            image=parts.get("image", ""),
        )


PLAIN = Terms()


def has_tools(version: str) -> bool:
    """Whether the price of this version is one of tools that were named."""
    return ";tools=" in version
