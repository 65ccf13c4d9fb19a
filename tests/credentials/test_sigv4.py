"""Signatures: AWS's published vectors, and the same as botocore's for whatever is sent to Bedrock."""

import calendar

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.clock import Clock
from omnillm.credentials.aws import signed
from omnillm.credentials.sigv4 import AwsKeys, Unsigned, sign
from omnillm.providers.profiles.bedrock import BEDROCK
from omnillm.providers.url_rule import request_target
from omnillm.secret import Secret
from omnillm.testing import ManualClock

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEYS = AwsKeys(access_key_id="AKIDEXAMPLE", secret_access_key=Secret(SECRET))
WALL = float(calendar.timegm((2015, 8, 30, 12, 36, 0)))
FORM = (("content-type", "application/x-www-form-urlencoded"),)
VECTORS = {
    "get-vanilla": ("GET", "", (), b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-vanilla-query-order-key-case": (
        "GET",
        "Param2=value2&Param1=value1",
        (),
        b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "post-vanilla": ("POST", "", (), b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "post-x-www-form-urlencoded": ("POST", "", FORM, b"Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
}


@in_turn("name", VECTORS)
def test_published_vector_is_met(name: str) -> None:
    """AWS's own test suite, at its own moment."""
    method, query, headers, body, expected = VECTORS[name]
    request = Unsigned(method=method, path="/", query=query, headers=(("host", "example.amazonaws.com"), *headers), body=body)
    fields = dict(sign(request, KEYS, region="us-east-1", service="service", wall=WALL))
    assert fields["authorization"].endswith(f"Signature={expected}")
    assert fields["x-amz-date"] == "20150830T123600Z"


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.x", "a b%ü~"]),
    st.binary(max_size=60),
    st.booleans(),
    st.sampled_from(["", "session/token+="]),
    st.sampled_from(["", "?maxResults=5&byProvider=a%20b"]),
)
def test_botocore_signs_the_same(model: str, body: bytes, is_stream: bool, token: str, query: str) -> None:
    """Over the path as it is sent, encoded once more; with and without a session token, a query, and a body that has a type."""
    target = request_target(BEDROCK, "bedrock_converse", "generate", model=model, is_stream=is_stream).decode() + query
    host = "bedrock-runtime.eu-west-1.amazonaws.com"
    clock: Clock = ManualClock(wall=WALL)
    keys = AwsKeys(access_key_id="AKIDEXAMPLE", secret_access_key=Secret(SECRET), session_token=Secret(token))
    typed = {"content-type": "application/json"} if body else {}
    lines = "".join(f"{name}: {value}\r\n" for name, value in typed.items())
    head = f"POST {target} HTTP/1.1\r\nhost: {host}\r\naccept-encoding: identity\r\n{lines}user-agent: x (y: z)\r\n"
    written = signed(keys, head.encode(), body, region="eu-west-1", clock=clock)
    ours = dict(line.split(": ", 1) for line in written.decode().splitlines())

    request = AWSRequest("POST", f"https://{host}{target}", data=body, headers={**typed, "Host": host})
    auth = SigV4Auth(Credentials("AKIDEXAMPLE", SECRET, token or None), "bedrock", "eu-west-1")
    request.context["timestamp"] = ours["x-amz-date"]
    auth._modify_request_before_signing(request)
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    assert ours["authorization"].endswith(f"Signature={signature}")
    assert f"SignedHeaders={auth.signed_headers(auth.headers_to_sign(request))}," in ours["authorization"]
    assert ours.get("x-amz-security-token", "") == token
