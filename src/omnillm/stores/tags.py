"""The tags of a call as they stand in its row: "team=a,env=prod"."""


def tag_value(tags: str, name: str) -> str | None:
    """The value of the first tag of that name; None: there is none. What is no `name=value` is no tag."""
    for tag in tags.split(","):
        key, equals, value = tag.partition("=")
        if equals and key.strip() == name:
            return value.strip()
    return None
