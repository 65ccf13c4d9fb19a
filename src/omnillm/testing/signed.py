"""Whose AWS signature a request bears, and whether it is right."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from omnillm.credentials.sigv4 import AwsKeys, Unsigned, sign
from omnillm.secret import Secret
from omnillm.testing.connection import Arrived

ALGORITHM = "AWS4-HMAC-SHA256"


def is_signed(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"authorization", b"").startswith(ALGORITHM.encode())


def signer_of(arrived: Arrived, keys: Iterable[str]) -> str:
    """The key, `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`, that signed exactly this request; "" when none of them did."""
    told = arrived.headers[b"authorization"].decode("latin-1").removeprefix(ALGORITHM).split(",")
    said = dict(part.strip().partition("=")[::2] for part in told)
    scope = said.get("Credential", "").split("/")
    for key in keys:
        access_key_id, _, rest = key.partition(":")
        if len(scope) == 5 and access_key_id == scope[0] and rest and _signature(arrived, key, said, scope) == said.get("Signature"):
            return key
    return ""


def _signature(arrived: Arrived, key: str, said: Mapping[str, str], scope: list[str]) -> str:
    access_key_id, _, rest = key.partition(":")
    secret, _, token = rest.partition(":")
    headers = {name.decode(): value.decode("latin-1") for name, value in arrived.headers.items()}
    path, _, query = arrived.target.partition("?")
    own = {"x-amz-date", "x-amz-security-token"}
    request = Unsigned(
        method=arrived.method,
        path=path,
        query=query,
        headers=tuple((name, headers.get(name, "")) for name in said.get("SignedHeaders", "").split(";") if name not in own),
        body=arrived.body,
    )
    keys = AwsKeys(access_key_id=access_key_id, secret_access_key=Secret(secret), session_token=Secret(token))
    fields = dict(sign(request, keys, region=scope[2], service=scope[3], wall=_moment(headers.get("x-amz-date", ""))))
    if headers.get("x-amz-security-token", "") != token:
        return ""
    return fields["authorization"].rpartition("Signature=")[2]


def _moment(stamp: str) -> float:
    """Unix seconds of 20150830T123600Z; 0 for anything else."""
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
