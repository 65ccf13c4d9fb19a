"""AWS Signature Version 4 of one request.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. Signed are the host, the content type, the
moment, the session token and the body. The path is encoded once more than it is sent, as every service but S3 wants it.
"""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from omnillm.secret import Secret

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


class AwsKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What AWS calls credentials. `session_token` is empty for those that do not expire."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret = Secret("")


class Unsigned(msgspec.Struct, frozen=True, kw_only=True):
    """A request, as it will be sent."""

    method: str
    path: str
    """Percent-encoded."""
    query: str = ""
    headers: tuple[tuple[str, str], ...]
    """Those that are signed: lower-cased names, `host` among them."""
    body: bytes = b""


def sign(request: Unsigned, keys: AwsKeys, *, region: str, service: str, wall: float) -> tuple[tuple[str, str], ...]:
    """Return the header fields to add. `wall`: now, in Unix seconds."""
    moment = datetime.fromtimestamp(wall, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = [("x-amz-date", moment)]
    if keys.session_token:
        added.append(("x-amz-security-token", keys.session_token.reveal()))
    headers = sorted([*request.headers, *added])
    names = ";".join(name for name, _ in headers)
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{_digest(_canonical(request, headers, names).encode())}"
    key = f"AWS4{keys.secret_access_key.reveal()}".encode()
    for piece in scope.split("/"):
        key = hmac.digest(key, piece.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    value = f"{_ALGORITHM} Credential={keys.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return (*added, ("authorization", value))


def _canonical(request: Unsigned, headers: list[tuple[str, str]], names: str) -> str:
    lines = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in headers)
    query = "&".join("=".join(pair) for pair in sorted(_pairs(request.query)))
    return f"{request.method}\n{quote(request.path)}\n{query}\n{lines}\n{names}\n{_digest(request.body)}"


def _pairs(query: str) -> list[tuple[str, str]]:
    split = [pair.partition("=") for pair in query.split("&") if pair]
    return [(name, value) for name, _, value in split]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
