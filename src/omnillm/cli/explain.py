"""`omnillm explain MODEL`."""

import os
from pathlib import Path

import msgspec
import typer

from omnillm.cli.options import AS_JSON, CONFIG


def explain(
    model: str = typer.Argument(help="Model name, as a client would ask for it."),
    config: Path = CONFIG,
    protocol: str = typer.Option("", "--protocol", help="Protocol of the client; default: any."),
    as_json: bool = AS_JSON,
) -> None:
    """Show where a call for MODEL would go, why, and at what price."""
    from omnillm.assemble import explain_model
    from omnillm.config.load import load

    explanation = explain_model(load(config, os.environ), model, _client_protocol(protocol) if protocol else "")
    if as_json:
        typer.echo(msgspec.json.encode(explanation))
        return
    plan = explanation.plan
    typer.echo(f"{model}: {plan.rule} match of {plan.route!r}, {plan.strategy}")
    for number, line in enumerate(explanation.targets, start=1):
        price = "no price"
        if line.input_usd:
            price = f"{line.input_usd} in, {line.output_usd} out USD per million tokens ({line.price_match}; {line.price_version})"
        typer.echo(f"  {number}. {line.target}  {line.protocol}  {line.reason}; {price}")


def _client_protocol(spelt: str) -> str:
    """The protocol's name. ConfigError: there is none of that spelling, or clients do not speak it."""
    from omnillm.errors import ConfigError
    from omnillm.protocols.protocol_names import parse_protocol
    from omnillm.protocols.registry import PROTOCOLS

    name = spelt if spelt in PROTOCOLS else parse_protocol(spelt)[0]
    if PROTOCOLS[name].is_native_only:
        spoken = ", ".join(each for each, protocol in PROTOCOLS.items() if not protocol.is_native_only)
        raise ConfigError(f"no client speaks {name}; valid: {spoken}", path="protocol")
    return name
