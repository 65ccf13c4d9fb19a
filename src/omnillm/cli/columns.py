"""A table of plain text, as wide as its cells: whole names also where it is piped."""

from collections.abc import Iterable, Sequence

import typer


def show(heads: Sequence[str], lines: Iterable[Sequence[str]], *, names: int) -> None:
    """The first `names` columns are words and stand left, the others are figures and stand right."""
    rows = [heads, *([plain(cell) for cell in line] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if number < names else cell.rjust(width) for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        typer.echo("  ".join(cells).rstrip())


def plain(cell: str) -> str:
    """Callers choose some of the names: none of them may move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in cell) or "-"
