"""How the groups of a usage report are written: "model", "day,virtual_key", "tag:team", "total"; and a call's tags: "team=a,env=prod"."""

import msgspec

from omnillm.errors import BadRequest

DAY, TOTAL, TAG = "day", "total", "tag"
COLUMNS = (DAY, "virtual_key", "model", "provider", "provider_key")


class Grouping(msgspec.Struct, frozen=True):
    columns: tuple[str, ...]
    """Of `COLUMNS`, as they were asked for. None: everything is one group."""
    tag: str = ""
    """Name of the tag whose values are groups, too; "": of none."""

    @classmethod
    def parse(cls, text: str) -> "Grouping":
        """Raises BadRequest that names what there is."""
        if text == TOTAL:
            return cls(())
        *before, last = columns = tuple(text.split(","))
        name, _, tag = last.partition(":")
        if tag and name == TAG and before in ([], [DAY]):
            return cls(tuple(before), tag)
        if not set(COLUMNS).issuperset(columns) or len(set(columns)) < len(columns):
            raise BadRequest(
                f"usage is grouped by {', '.join(COLUMNS)} or several of them (virtual_key,model), by a tag (tag:team), also day by day "
                f"(day,tag:team), or not at all ({TOTAL}); not by {text[:100]!r}"
            )
        return cls(columns)


def tag_value(tags: str, name: str) -> str | None:
    """The value of the first tag of that name; None: there is none. What is no `name=value` is no tag."""
    for tag in tags.split(","):
        key, equals, value = tag.partition("=")
        if equals and key.strip() == name:
            return value.strip()
    return None
