"""A text that no log line, error, `repr` or serialiser shows. Only `reveal()` returns it."""

import hashlib
import hmac
from typing import NoReturn, Self

HIDDEN = "Secret(…)"


class Secret:
    """A credential. Truthy when not empty; equality takes the same time whatever differs; pickle and JSON refuse it."""

    __slots__ = ("_text", "digest")

    def __init__(self, text: str) -> None:
        self._text = text
        self.digest: str = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        """Tells whether a secret changed, without telling the secret."""

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = (secret._text.encode("utf-8", "surrogatepass") for secret in (self, other))  # noqa: SLF001 - its own class
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
