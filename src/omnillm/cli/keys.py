"""`omnillm keys`: the virtual keys of a running server."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import typer

from omnillm.cli.columns import show as show_columns
from omnillm.cli.options import AS_JSON

PATH = "/admin/v1/virtual-keys"
PAGE_KEYS = 1000

app = typer.Typer(help="Manage the virtual keys of a running server.", no_args_is_help=True)
NAME: Any = typer.Argument(help="Name of the virtual key.")
URL: Any = typer.Option("http://127.0.0.1:4000", "--url", envvar="OMNILLM_URL", help="URL of the server, or of its admin listener.")
ADMIN_KEY: Any = typer.Option("", "--admin-key", envvar="OMNILLM_ADMIN_KEY", show_default=False, help="The server's admin key.")
MODEL: Any = typer.Option([], "--model", help="Model name or pattern that it may ask for; repeatable. Default: all.")
RPM: Any = typer.Option("", "--rpm", help="Requests in any 60 seconds.")
TPM: Any = typer.Option("", "--tpm", help="Tokens in any 60 seconds.")
MAX_CONCURRENCY: Any = typer.Option("", "--max-concurrency", help="Most calls at a time.")
EXPIRES: Any = typer.Option("", "--expires", help="A date (midnight UTC) or an ISO 8601 time.")
BUDGET: Any = typer.Option([], "--budget", help="Shared budget that it draws on; repeatable.")
LIMIT_USD: Any = typer.Option("", "--limit-usd", help="Limit of its own budget.")
PERIOD: Any = typer.Option("", "--period", help='Period of its own budget: day, week, month, total, or "rolling 24h".')
SOFT: Any = typer.Option(False, "--soft", help="Let its own budget count only, and refuse nothing.")
TAG: Any = typer.Option([], "--tag", help="NAME=VALUE for the rows of its calls; repeatable.")
METADATA: Any = typer.Option([], "--metadata", help="NAME=VALUE as a note; repeatable.")
WITHOUT: Any = typer.Option([], "--without", help="Remove a setting, such as rpm, expires or models; repeatable.")


@app.command()
def create(  # noqa: PLR0913, PLR0917  a command line's options
    name: str = NAME,
    model: list[str] = MODEL,
    rpm: str = RPM,
    tpm: str = TPM,
    max_concurrency: str = MAX_CONCURRENCY,
    expires: str = EXPIRES,
    budget: list[str] = BUDGET,
    limit_usd: str = LIMIT_USD,
    period: str = PERIOD,
    soft: bool = SOFT,
    tag: list[str] = TAG,
    metadata: list[str] = METADATA,
    url: str = URL,
    admin_key: str = ADMIN_KEY,
    as_json: bool = AS_JSON,
) -> None:
    """Create a virtual key, and print its secret, which is shown only once."""
    asked = _terms(model, rpm, tpm, max_concurrency, expires, budget, _own_budget(limit_usd, period, soft=soft), tag, metadata)
    _tell_secret(_ask(url, admin_key, "POST", PATH, {"name": name, **asked}), as_json=as_json)


@app.command()
def change(  # noqa: PLR0913, PLR0917  a command line's options
    name: str = NAME,
    model: list[str] = MODEL,
    rpm: str = RPM,
    tpm: str = TPM,
    max_concurrency: str = MAX_CONCURRENCY,
    expires: str = EXPIRES,
    budget: list[str] = BUDGET,
    limit_usd: str = LIMIT_USD,
    period: str = PERIOD,
    soft: bool = SOFT,
    tag: list[str] = TAG,
    metadata: list[str] = METADATA,
    without: list[str] = WITHOUT,
    url: str = URL,
    admin_key: str = ADMIN_KEY,
    as_json: bool = AS_JSON,
) -> None:
    """Change what a key may do, from its next call on. Options that are not given stay as they are."""
    asked = _terms(model, rpm, tpm, max_concurrency, expires, budget, _own_budget(limit_usd, period, soft=soft), tag, metadata)
    for member in without:
        if member in asked:
            raise typer.BadParameter(f"{member} is given, too", param_hint="--without")
    _tell(_ask(url, admin_key, "PATCH", _path(name), {**asked, **dict.fromkeys(without)}), as_json=as_json)


@app.command("list")
def list_(url: str = URL, admin_key: str = ADMIN_KEY, as_json: bool = AS_JSON) -> None:
    """List all virtual keys, including those of the configuration."""
    found: list[dict[str, Any]] = []
    after, has_more = "", True
    while has_more:
        page = _ask(url, admin_key, "GET", f"{PATH}?limit={PAGE_KEYS}&after={quote(after, safe='')}")
        found += page["virtual_keys"]
        has_more = page["has_more"]
        after = found[-1]["name"] if found else ""
    if as_json:
        _echo({"virtual_keys": found})
        return
    heads = ("name", "state", "source", "models", "budgets", "expires", "rpm", "tpm", "at a time")
    show_columns(heads, map(_line, found), names=6)


@app.command()
def show(name: str = NAME, url: str = URL, admin_key: str = ADMIN_KEY, as_json: bool = AS_JSON) -> None:
    """Show one virtual key. Its secret cannot be shown again."""
    _tell(_ask(url, admin_key, "GET", _path(name)), as_json=as_json)


@app.command()
def rotate(
    name: str = NAME,
    grace: str = typer.Option("0", "--grace", help="How long the old secret stays valid, such as 1h."),
    url: str = URL,
    admin_key: str = ADMIN_KEY,
    as_json: bool = AS_JSON,
) -> None:
    """Replace a key's secret, and print the new one, which is shown only once."""
    _tell_secret(_ask(url, admin_key, "POST", f"{_path(name)}/rotate", {"grace": grace}), as_json=as_json)


@app.command()
def revoke(name: str = NAME, url: str = URL, admin_key: str = ADMIN_KEY, as_json: bool = AS_JSON) -> None:
    """Revoke a key for good. Its open calls continue."""
    _tell(_ask(url, admin_key, "POST", f"{_path(name)}/revoke"), as_json=as_json)


def _ask(url: str, admin_key: str, method: str, path: str, body: object = None) -> dict[str, Any]:
    from omnillm.cli.admin import Admin

    return Admin(url, admin_key).ask(method, path, body)


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given: the server has the defaults."""
    return {name: value for name, value in options.items() if value}


def _terms(  # noqa: PLR0913, PLR0917
    model: list[str],
    rpm: str,
    tpm: str,
    max_concurrency: str,
    expires: str,
    budget: list[str],
    own_budget: dict[str, str],
    tag: list[str],
    metadata: list[str],
) -> dict[str, Any]:
    return _given(
        {
            "models": model,
            "rpm": rpm,
            "tpm": tpm,
            "max_concurrency": max_concurrency,
            "expires": expires,
            "budgets": budget,
            "budget": own_budget,
            "tags": _pairs("--tag", tag),
            "metadata": _pairs("--metadata", metadata),
        }
    )


def _own_budget(limit_usd: str, period: str, *, soft: bool) -> dict[str, str]:
    return _given({"limit_usd": limit_usd, "period": period, "hard": "false" if soft else ""})


def _pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for each in given:
        name, is_pair, value = each.partition("=")
        if not is_pair:
            raise typer.BadParameter("must be NAME=VALUE", param_hint=option)
        pairs[name] = value
    return pairs


def _tell_secret(reply: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _echo(reply)
        return
    typer.echo(reply["secret"])
    typer.echo(f"The secret of {reply['virtual_key']['name']}: nobody can show it again.", err=True)


def _tell(reply: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _echo(reply)
        return
    lines = [(name, _words(name, value)) for name, value in reply["virtual_key"].items() if value not in (None, 0, [], {})]
    show_columns(("what", "value"), lines, names=2)


def _line(key: dict[str, Any]) -> tuple[str, ...]:
    own = [f"{key['budget']['limit_usd']} USD"] if key["budget"] else []
    return (
        key["name"],
        key["state"],
        key["source"],
        ", ".join(key["models"]) or "all",
        ", ".join([*key["budgets"], *own]),
        _words("expires_at", key["expires_at"]) if key["expires_at"] else "",
        *(str(key[name] or "") for name in ("rpm", "tpm", "max_concurrency")),
    )


def _words(name: str, value: Any) -> str:
    if name.endswith(("_at", "_until")):
        from datetime import UTC, datetime

        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, dict):
        return ", ".join(f"{each}={_words('', part)}" for each, part in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def _echo(told: dict[str, Any]) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(told))
