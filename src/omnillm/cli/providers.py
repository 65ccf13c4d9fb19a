"""`omnillm providers`."""

import msgspec
import typer

from omnillm.cli.columns import show
from omnillm.cli.options import AS_JSON


def providers(
    kind: str = typer.Argument("", help="Show this kind only."),
    as_json: bool = AS_JSON,
) -> None:
    """Show what each kind of provider supports: native, compatible (translated) or planned."""
    from omnillm.providers.kinds import profile_of
    from omnillm.providers.registry import embedded_provider_registry

    rows = [row for row in embedded_provider_registry() if kind in {"", row.provider}]
    if not rows:
        profile_of(kind)
    if as_json:
        typer.echo(msgspec.json.encode(rows))
        return
    show(("kind", "family", "wire format", "level"), [(row.provider, row.family, row.wire_format, row.level) for row in rows], names=4)
