"""Parts of URLs that other people write: the configured base URL, and model names, which can come from strangers."""

from typing import Final
from urllib.parse import quote, urlsplit

from omnillm.errors import BadRequest, ConfigError

GEMINI_COLLECTIONS: Final = ("models/", "tunedModels/")


def gemini_name(model: str) -> str:
    """Return the resource name of a Gemini model, e.g. "models/gemini-2.5-pro", encoded for a path."""
    return path_name(model if model.startswith(GEMINI_COLLECTIONS) else f"models/{model}")


def segment_name(model: str) -> str:
    """Percent-encode a model name as one segment of a path, an ARN's slashes too. BadRequest: a segment that a server would resolve."""
    path_name(model)
    return quote(model, safe="@")


def path_name(model: str) -> str:
    """Percent-encode a model name, its slashes kept. BadRequest: empty or dotted segments, which a server would resolve."""
    if any(segment in {"", ".", ".."} for segment in model.split("/")):
        raise BadRequest("the model name is not one that can stand in a URL", code="invalid_model")
    try:
        return quote(model, safe="/")
    except UnicodeEncodeError as error:
        raise BadRequest("the model name is not valid Unicode", code="invalid_model") from error


def check_base_url(text: str, *, is_compat: bool) -> None:
    """ConfigError unless `text` is a usable http(s) URL; nothing of it is repeated in the message."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError("must be plain ASCII without spaces", path="base_url")
    try:
        url = urlsplit(text)
        is_addressed = bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError as error:
        raise ConfigError("is not a URL", path="base_url") from error
    if url.scheme not in {"http", "https"} or not is_addressed:
        raise ConfigError("must be like https://host/v1", path="base_url")
    if url.username is not None or url.fragment:
        raise ConfigError("must hold no user, password or fragment; credentials belong in keys", path="base_url")
    has_place = "{" in text or "}" in text
    rest = f"{url.path}?{url.query}".replace("{model}", "").replace("{method}", "")
    if has_place and not is_compat:
        raise ConfigError("{model} and {method} need compat: true", path="base_url")
    if "{" in rest or "}" in rest or "{" in url.netloc:
        raise ConfigError("only {model} and {method} can be filled in, after the host", path="base_url")
