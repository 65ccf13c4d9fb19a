"""The problems of a configuration. They are collected, so that one run tells all of them."""

import re

from omnillm.errors import ConfigError

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
SHORTEST_MASKED = 6
"""Characters; a shorter replaced value (a port, a number) is no secret and would garble messages."""


def at(path: str, name: str | int) -> str:
    """Return the place below `path`: `providers.openai`, `keys[0]`, `models."claude-*"`."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    shown = name if _BARE.fullmatch(name) else f'"{name[:64]}"'
    return f"{path}.{shown}" if path else shown


class Problems:
    """Problems with their places, and the places of everything read."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        """Path -> line (from 1) of everything that stands in the file."""
        self._found: list[tuple[int, str, str]] = []
        self._masked: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, path: str, what: str, *, line: int | None = None) -> None:
        """Note `what`, which reads on after the place; the line is that of `path` or of what encloses it."""
        self._found.append((line or self._line(path), path, what))

    def mask(self, value: str, shown: str) -> None:
        """Show `shown` for `value` in all messages: what came from the environment, a file or a secret's place may be a secret."""
        if len(value) >= SHORTEST_MASKED:
            self._masked[value] = shown

    def concern(self, section: str) -> bool:
        """Tell whether anything is wrong in a top-level section already."""
        return any(path == section or path.startswith((f"{section}.", f"{section}[")) for _, path, _ in self._found)

    def sentences(self) -> list[str]:
        """All problems without lines: for what did not come from a file."""
        return list(dict.fromkeys(f"{self._safe(path)} {self._safe(what)}".lstrip() for _, path, what in self._found))

    def error(self, source: str) -> ConfigError:
        """All problems, one on each line, in the order of the file; `details` maps each place to its line."""
        found = sorted(self._found, key=lambda problem: problem[0])
        told = [f"{self._safe(path) or 'the file'} (line {line}): {self._safe(what)}" for line, path, what in found]
        error = ConfigError("\n".join(dict.fromkeys(told)), source=source)
        error.details = {self._safe(path): line for line, path, _ in found}
        return error

    def _line(self, path: str) -> int:
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 1)

    def _safe(self, what: str) -> str:
        for value in sorted(self._masked, key=len, reverse=True):
            what = what.replace(value, self._masked[value])
        return what
