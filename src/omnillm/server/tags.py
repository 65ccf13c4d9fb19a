"""The tags of a call: those that it names itself, and those of its virtual key that it does not name."""

from typing import Final

from omnillm.config.checks import MAX_TAGS_BYTES

SEPARATOR: Final = ","


def merge_tags(own: str, keys: str) -> str:
    """`own` as it was written, then what only the virtual key says ("team=a,env=prod"), as far as the ledger's indexes take it."""
    if not own or not keys:
        return own or keys
    named = {_name(tag) for tag in own.split(SEPARATOR)}
    merged, left = [own], MAX_TAGS_BYTES - len(own.encode())
    for tag in keys.split(SEPARATOR):
        left -= len(tag.encode()) + len(SEPARATOR)
        if left < 0:
            break
        if _name(tag) not in named:
            merged.append(tag)
    return SEPARATOR.join(merged)


def _name(tag: str) -> str:
    """What is no `name=value` is no tag, and takes the place of none."""
    name, equals, _ = tag.partition("=")
    return name.strip() if equals else ""
