"""Recorded exchanges, fit to be kept: `ReplayFixture`, and the sanitisers that take secrets and blobs out of what was recorded.

A secret becomes `<redacted:NAME>`, a blob `<redacted:NAME_blob>`, NAME being the header, query parameter or member that held it;
everything else, order included, stays as it was. Sanitising twice changes nothing.
"""

import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

_SECRETS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "cookie",
        "set-cookie",
        "api_key",
        "apikey",
        "access_token",
        "refresh_token",
        "client_secret",
        "token",
        "secret",
        "password",
        "key",
        "ak",
    }
)
_AMAZON = "x-amz-"
_BLOBS = frozenset({"data_base64", "image_base64", "b64_json", "audio_base64", "file_data"})
_TYPED_BLOB = "data"
"""Base64, where one of these stands beside it (Anthropic's source, Gemini's inlineData, OpenAI's input_audio)."""
_BLOB_TYPES = ("media_type", "mimeType", "mime_type", "format")
_TOKEN_SIBLINGS = ("logprob", "logProbability", "top_logprobs")
"""A `token` beside one of these is a word of the model's, no credential."""
_DATA_URL = re.compile(r"data:[\w.+-]*(?:/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,[A-Za-z0-9+/=_-]*")
_CREDENTIAL = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
_ASSIGNMENT = re.compile(
    rf"(?<![\w-])(?P<name>{'|'.join(sorted(_SECRETS))}|{_AMAZON}[\w-]*)(?P<sign>\\*[\"']?\s*[=:]\s*(?P<quote>\\*[\"'])?)"
    r"(?(quote)(?:(?!(?P=quote))(?:\\.|.))+|(?![\[{])[^\s&;,\"'<>]+)",
    re.IGNORECASE,
)
"""A value in quotes, which may be escaped, goes to their end. As in JSON, a list or an object is no secret."""
_USERINFO = re.compile(r"//[^/@?#]*@")


class JsonBody(msgspec.Struct, frozen=True, tag_field="kind", tag="json"):
    value: Any


class TextBody(msgspec.Struct, frozen=True, tag_field="kind", tag="text"):
    """Text that is no JSON: an event stream, a form, HTML."""

    text: str


class BinaryBody(msgspec.Struct, frozen=True, tag_field="kind", tag="binary"):
    data: bytes


class MultipartField(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    value: str = ""
    filename: str = ""
    content_type: str = ""


class MultipartBody(msgspec.Struct, frozen=True, tag_field="kind", tag="multipart"):
    fields: tuple[MultipartField, ...]


TransportBody = JsonBody | TextBody | BinaryBody | MultipartBody


class TransportRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request as it goes over the wire."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: TransportBody | None = None


class TransportResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reply as it came over the wire."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: TransportBody | None = None


class ReplayFixture(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One exchange with a provider, as a test keeps it."""

    name: str
    protocol: str
    request: TransportRequest
    response: TransportResponse

    def sanitized(self) -> "ReplayFixture":
        """Return it without secrets and blobs."""
        return replace(self, request=sanitize_transport_request(self.request), response=sanitize_transport_response(self.response))

    def save(self, path: Path) -> None:
        """Write it as indented JSON, sanitised whether or not it was."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self.sanitized())) + b"\n")

    @classmethod
    def load(cls, path: Path) -> "ReplayFixture":
        """Raises msgspec.DecodeError when the file holds no fixture."""
        return msgspec.json.decode(path.read_bytes(), type=cls)


def sanitize_transport_request(request: TransportRequest) -> TransportRequest:
    """The same without secrets and blobs: `<redacted:NAME>` and `<redacted:NAME_blob>` in URL, headers and body."""
    return replace(request, url=_sanitized_url(request.url), headers=_sanitized_pairs(request.headers), body=_sanitized_body(request.body))


def sanitize_transport_response(response: TransportResponse) -> TransportResponse:
    """The same without secrets and blobs, as `sanitize_transport_request` does it."""
    return replace(response, headers=_sanitized_pairs(response.headers), body=_sanitized_body(response.body))


def sanitize_json_value(value: Any) -> Any:
    """Return a copy without secrets and blobs; lists and objects keep their order."""
    if isinstance(value, dict):
        return {name: _sanitized_member(name, member, value) for name, member in value.items()}
    if isinstance(value, list):
        return [sanitize_json_value(member) for member in value]
    return _sanitized_text(value) if isinstance(value, str) else value


def _sanitized_member(name: str, value: Any, beside: dict[str, Any]) -> Any:
    is_scalar = isinstance(value, str | int | float) and not isinstance(value, bool)
    if is_scalar and _is_secret(name) and not (name.lower() == "token" and any(sibling in beside for sibling in _TOKEN_SIBLINGS)):
        return _redacted(name)
    if isinstance(value, str) and _is_blob(name, beside):
        return _redacted_blob(name)
    if isinstance(value, str) and _DATA_URL.fullmatch(value):
        return _redacted_blob(name)
    return sanitize_json_value(value)


def _is_secret(name: str) -> bool:
    name = name.lower()
    return name in _SECRETS or name.startswith(_AMAZON)


def _is_blob(name: str, beside: dict[str, Any]) -> bool:
    return name.lower() in _BLOBS or (name == _TYPED_BLOB and any(sibling in beside for sibling in _BLOB_TYPES))


def _redacted(name: str) -> str:
    return f"<redacted:{name.lower()}>"


def _redacted_blob(name: str) -> str:
    return f"<redacted:{name.lower()}_blob>"


def _sanitized_pairs(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _redacted(name) if _is_secret(name) else _sanitized_text(value)) for name, value in pairs)


def _sanitized_url(url: str) -> str:
    url = _USERINFO.sub("//<redacted:userinfo>@", url, count=1)
    path, mark, query = url.partition("?")
    if not mark:
        return url
    pairs = [pair.partition("=") for pair in query.split("&")]
    return (
        path
        + mark
        + "&".join(f"{name}={_redacted(name)}" if sign and _is_secret(name) else name + sign + value for name, sign, value in pairs)
    )


def _sanitized_body(body: TransportBody | None) -> TransportBody | None:
    if isinstance(body, JsonBody):
        return JsonBody(sanitize_json_value(body.value))
    if isinstance(body, TextBody):
        return TextBody(_sanitized_lines(body.text))
    if isinstance(body, BinaryBody):
        return TextBody(_redacted_blob("body"))
    if isinstance(body, MultipartBody):
        return MultipartBody(tuple(_sanitized_field(field) for field in body.fields))
    return None


def _sanitized_field(field: MultipartField) -> MultipartField:
    if field.filename:
        return replace(field, value=_redacted_blob(field.name))
    return replace(field, value=_redacted(field.name) if _is_secret(field.name) else _sanitized_text(field.value))


def _sanitized_lines(text: str) -> str:
    """JSON as a whole, or after `data:` on a line of an event stream, member by member; other text by what looks like a credential."""
    whole = _sanitized_json(text)
    if whole is not None:
        return whole
    return "\n".join(map(_sanitized_line, text.split("\n")))


def _sanitized_line(line: str) -> str:
    mark, _, rest = line.partition(":")
    value = _sanitized_json(rest) if mark == "data" else None
    if value is not None:
        return line if value == rest else f"data: {value}"
    return _ASSIGNMENT.sub(lambda found: found["name"] + found["sign"] + _redacted(found["name"]), _sanitized_text(line))


def _sanitized_json(text: str) -> str | None:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    cleaned = sanitize_json_value(value)
    return text if cleaned == value else msgspec.json.encode(cleaned).decode()


def _sanitized_text(text: str) -> str:
    text = _DATA_URL.sub(_redacted_blob("data"), text)
    return _CREDENTIAL.sub(lambda found: f"{found[1]} {_redacted('authorization')}", text)
