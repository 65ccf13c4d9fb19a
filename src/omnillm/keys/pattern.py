"""Patterns of model names: `*` stands for any characters, nothing else is special."""


def matches(pattern: str, model: str) -> bool:
    head, *middle = pattern.split("*")
    if not middle:
        return model == pattern
    if not model.startswith(head):
        return False
    tail = middle.pop()
    at = len(head)
    for part in middle:
        found = model.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(model) - at >= len(tail) and model.endswith(tail)
