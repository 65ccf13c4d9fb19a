"""What is read from the URL of a ledger in PostgreSQL: its name without the password, and its servers."""

from urllib.parse import parse_qsl, unquote, urlsplit

from omnillm.errors import ConfigError
from omnillm.secret import Secret


def name_of(url: Secret) -> str:
    """`postgresql://host:port/database`, without user, password and options. Raises ConfigError, which holds no part of the URL."""
    try:
        split = urlsplit(url.reveal())
        options = dict(parse_qsl(split.query, strict_parsing=True)) if split.query else {}
    except ValueError:
        raise _unreadable() from None
    places = split.netloc.rpartition("@")[2]
    # An unescaped character ends the password early, and the rest of it would be taken for a port, a database or an option.
    if split.fragment or "@" in split.path or not all(_is_place(place) for place in places.split(",")):
        raise _unreadable()
    place = places or options.get("host", "localhost")
    schema = options.get("search_path", "")
    return f"postgresql://{place}{split.path}{f' (schema {schema})' if schema else ''}"


def servers_of(url: Secret) -> list[tuple[str, int | None]]:
    """Host and port of each server, where the URL names several; else, and where ports do not fit, none. None: the usual port."""
    split = urlsplit(url.reveal())
    options = dict(parse_qsl(split.query))
    if places := split.netloc.rpartition("@")[2]:
        servers = [_server(place) for place in places.split(",")]
    else:
        hosts, ports = options.get("host", "").split(","), options.get("port", "").split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        if len(ports) != len(hosts):
            return []
        servers = [(host, int(port) if port.isdigit() else None) for host, port in zip(hosts, ports, strict=True)]
    return servers if len(servers) > 1 else []


def _server(place: str) -> tuple[str, int | None]:
    host, _, port = place.rpartition(":")
    if not port.isdigit():
        host, port = place, ""
    return unquote(host).removeprefix("[").removesuffix("]"), int(port) if port else None


def _is_place(text: str) -> bool:
    """host, host:port, [v6]:port."""
    host, colon, port = text.rpartition(":")
    return not colon or port.isdigit() or (text.startswith("[") and text.endswith("]")) or (not host and not port)


def _unreadable() -> ConfigError:
    return ConfigError(
        "is no postgresql://USER:PASSWORD@HOST:PORT/DATABASE: write special characters in the password as %XX (@ is %40, / is %2F)",
        path="store.url",
    )
