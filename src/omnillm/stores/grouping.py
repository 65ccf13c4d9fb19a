"""How the groups of a usage report are written: "model", "tag:team", "day", "day,model"; and the tags of a call: "team=a,env=prod"."""

import msgspec

from omnillm.errors import BadRequest

COLUMNS = ("virtual_key", "model", "provider", "provider_key")
DAY, TOTAL, TAG = "day", "total", "tag"
GROUPS = (*COLUMNS, DAY, TOTAL)


class Grouping(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """One of `GROUPS`, or "tag"."""
    tag: str = ""
    """The tag's name."""
    by_day: bool = False
    """Each group day by day."""

    @classmethod
    def parse(cls, text: str) -> "Grouping":
        """Raises BadRequest that names what there is."""
        day, comma, rest = text.partition(",")
        by_day = bool(comma) and day == DAY
        name, colon, tag = (rest if by_day else text).partition(":")
        if tag and name == TAG and "," not in tag:
            return cls(name=TAG, tag=tag, by_day=by_day)
        if colon or name not in (COLUMNS if by_day else GROUPS):
            raise BadRequest(
                f"usage is grouped by one of {', '.join(GROUPS)}, or by a tag (tag:team), or by day and one of the first four or a tag "
                f"(day,model); not by {text[:100]!r}"
            )
        return cls(name=name, by_day=by_day)


def tag_value(tags: str, name: str) -> str | None:
    """The value of the first tag of that name; None: there is none. What is no `name=value` is no tag."""
    for tag in tags.split(","):
        key, equals, value = tag.partition("=")
        if equals and key.strip() == name:
            return value.strip()
    return None
