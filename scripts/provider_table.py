"""Writes the table of `docs/providers/README.md` from the registry."""

from pathlib import Path

from omnillm.providers.registry import Support, embedded_provider_registry

PAGE = Path(__file__).parents[1] / "docs/providers/README.md"
BEGIN, END = "<!-- generated: omnillm.providers.registry -->\n", "<!-- end of what is generated -->\n"


def table() -> str:
    """One row a kind: what is native, translated, planned."""
    rows = embedded_provider_registry()
    lines = ["| kind | native | compatible | planned |", "|---|---|---|---|"]
    for kind in dict.fromkeys(row.provider for row in rows):
        cells = [
            ", ".join(_name(row) for row in rows if (row.provider, row.level) == (kind, level))
            for level in ("native", "compatible", "planned")
        ]
        lines.append(f"| `{kind}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _name(row: Support) -> str:
    return (
        row.family
        if row.wire_format == "native"
        else row.wire_format
        if row.family == "generation"
        else f"{row.family} ({row.wire_format})"
    )


def page() -> str:
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
