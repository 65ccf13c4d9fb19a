"""https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html.

Every model that writes speaks Converse, those that embed have formats of their own. Claude also speaks its own Messages API through
InvokeModel: a client of that protocol stays in it. Its stream comes as event-stream chunks, each with one event in base64.
"""

import re

from omnillm.framing.eventstream import CONTENT_TYPE
from omnillm.protocols.bedrock_converse.frames import EventFrames
from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, BEDROCK_CONVERSE, BEDROCK_INVOKE
from omnillm.providers.anthropic_body import AnthropicBody
from omnillm.providers.endpoint import Endpoint, OwnPath, Streaming
from omnillm.providers.profiles.bedrock_count import COUNTER
from omnillm.providers.profiles.bedrock_invoke import InvokedFrames, InvokeFrames, read_usage
from omnillm.secret import Secret

_HOST_REGION = re.compile(r"\bbedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
_CLAUDE = re.compile(r"anthropic\.claude")
_OWN = re.compile(r"/model/(.{1,2048})/(converse|converse-stream|count-tokens|invoke|invoke-with-response-stream)")
"""Of a decoded path: an ARN has slashes."""


def region_of(host: str) -> str:
    """The region in the name of one of Bedrock's own hosts, "" in another's."""
    found = _HOST_REGION.search(host)
    return "" if found is None else found[1]


def _own_path(endpoint: Endpoint, path: str) -> OwnPath | None:
    """What a path of AWS's SDKs asks for. InvokeModel only for Claude: the bodies of other models are not known here."""
    found = _OWN.fullmatch(path)
    if found is None:
        return None
    model, action = found[1], found[2]
    if action == "count-tokens":
        return OwnPath(protocol=BEDROCK_CONVERSE, operation="count_tokens", model=model)
    is_claude = bool(_CLAUDE.search(model)) or endpoint.protocols == (ANTHROPIC_MESSAGES,)
    if action.startswith("invoke") and not is_claude:
        return None
    protocol = BEDROCK_CONVERSE if action.startswith("converse") else BEDROCK_INVOKE
    return OwnPath(protocol=protocol, operation="generate", model=model, is_stream=action.endswith("stream"))


BEDROCK = Endpoint(
    kind="bedrock",
    protocols=(BEDROCK_CONVERSE, ANTHROPIC_MESSAGES),
    base_url=Secret(""),
    version="",
    cloud_paths={
        (BEDROCK_CONVERSE, "generate", False): "/model/{model}/converse",
        (BEDROCK_CONVERSE, "generate", True): "/model/{model}/converse-stream",
        (BEDROCK_CONVERSE, "count_tokens", False): "/model/{model}/count-tokens",
        (BEDROCK_INVOKE, "generate", False): "/model/{model}/invoke",
        (BEDROCK_INVOKE, "generate", True): "/model/{model}/invoke-with-response-stream",
        (ANTHROPIC_MESSAGES, "generate", False): "/model/{model}/invoke",
        (ANTHROPIC_MESSAGES, "generate", True): "/model/{model}/invoke-with-response-stream",
        (ANTHROPIC_MESSAGES, "count_tokens", False): "/model/{model}/count-tokens",
        ("titan_embed", "embeddings", False): "/model/{model}/invoke",
        ("bedrock_cohere_embed", "embeddings", False): "/model/{model}/invoke",
    },
    serves={
        ANTHROPIC_MESSAGES: _CLAUDE,
        "titan_embed": re.compile(r"amazon\.titan-embed"),
        "bedrock_cohere_embed": re.compile(r"cohere\.embed"),
    },
    streams={
        BEDROCK_CONVERSE: Streaming(CONTENT_TYPE, EventFrames),
        ANTHROPIC_MESSAGES: Streaming(CONTENT_TYPE, InvokeFrames),
        BEDROCK_INVOKE: Streaming(CONTENT_TYPE, InvokedFrames),
    },
    bodies={ANTHROPIC_MESSAGES: AnthropicBody(version="bedrock-2023-05-31", left_out=("model", "stream"), has_betas=True)},
    counter=COUNTER,
    error_protocol=lambda _protocol, _body: BEDROCK_CONVERSE,
    unsent=("accept", "anthropic-beta", "anthropic-version", "openai-beta"),
    passed=(
        *("x-amzn-bedrock-trace", "x-amzn-bedrock-guardrailidentifier", "x-amzn-bedrock-guardrailversion"),
        "x-amzn-bedrock-request-metadata",
    ),
    dearer_fields={
        "x-amzn-bedrock-service-tier": frozenset({"default"}),
        "x-amzn-bedrock-performanceconfig-latency": frozenset({"standard"}),
    },
    apart_fields=("x-amzn-bedrock-guardrailidentifier",),
    own_protocols=(BEDROCK_CONVERSE, BEDROCK_INVOKE),
    own_path=_own_path,
    read_usage=read_usage,
    credentials="aws",
)
