"""`${NAME}`, `${NAME:-default}` and `${file:PATH}` in a scalar's text; `$${` stands for a literal `${`.

What is filled in is not read for places again, and must not be empty, since an empty variable was mostly forgotten: `${NAME:-}` allows it.
"""

import re
from collections.abc import Callable, Mapping

_PLACE = re.compile(r"\$(\$?)\{([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
FILE = "file:"

ReadFile = Callable[[str], str]
"""Path as written -> text; OSError or UnicodeError when it cannot be read."""


class Substitution:
    def __init__(self, env: Mapping[str, str], read_file: ReadFile | None) -> None:
        self._env = env
        self._read_file = read_file

    def fill(self, text: str) -> tuple[str, dict[str, str]]:
        """Return the text with every place filled, and what came from outside -> how it was written. ValueError: what is missing."""
        filled: dict[str, str] = {}

        def fill_one(found: re.Match[str]) -> str:
            escaped, inner, end = found.groups()
            if escaped:
                return found[0][1:]
            if not end:
                raise ValueError("holds ${ without its }")
            value = self._value(inner)
            if not inner.endswith(f":-{value}"):
                filled[value] = found[0]
            return value

        return (_PLACE.sub(fill_one, text), filled) if "${" in text else (text, filled)

    def _value(self, inner: str) -> str:
        if inner.startswith(FILE):
            return self._file(inner.removeprefix(FILE))
        name, separator, default = inner.partition(":-")
        if not _NAME.fullmatch(name):
            raise ValueError("holds a ${...} that is neither ${NAME}, ${NAME:-default} nor ${file:PATH}")
        value = self._env.get(name)
        if separator:
            return value or default
        if not value:
            state = "not set" if value is None else "empty"
            raise ValueError(f"needs the environment variable {name}, which is {state}")
        return value

    def _file(self, path: str) -> str:
        if self._read_file is None:
            raise ValueError("names a file, and there are none here")
        try:
            text = self._read_file(path).rstrip("\r\n")
        except OSError as error:
            raise ValueError(f"needs the file {path}, which cannot be read: {error.strerror or 'too large'}") from error
        except ValueError as error:
            raise ValueError(f"needs the file {path}, which is not text") from error
        if not text:
            raise ValueError(f"needs the file {path}, which is empty")
        return text
