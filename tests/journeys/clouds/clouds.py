"""What the tests of clouds share: a gateway in front of Bedrock and Vertex AI."""

from typing import Any

from tests.journeys.running import PRICES, VIRTUAL_KEY, Running
from tests.journeys.wire import Reply, ask, exchange

from omnillm.testing import FakeProvider

BEARER = "bedrock-api-key"
SIGNED = "AKIAFAKE0000:secret/with+signs"
EXPIRING = "ASIAFAKE0000:other-secret:session-token"
NOVA, CLAUDE = "us.amazon.nova-2-lite-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:1234:application-inference-profile/abc"
GEMINI, VERTEX_CLAUDE = "gemini-3-flash", "claude-sonnet-4-5@20250929"
CONFIG = """
server: {{host: 127.0.0.1, port: 0, auth: required, drain: 2s}}
calls: {{queue: 0s}}
store: {{url: "memory://", durability: relaxed}}
providers:
  bedrock: {{kind: bedrock, region: us-east-1, base_url: "{base_url}", keys: {keys}}}
  vertex: {{kind: vertex_ai, base_url: "{base_url}/v1/projects/p/locations/global", keys: [{{label: good, key: ya29.token}}]}}
models:
  nova: {{targets: ["bedrock/{nova}"]}}
  profile: {{targets: ["bedrock/{profile}"]}}
  bedrock_claude: {{targets: ["bedrock/{claude}"]}}
  gemini: {{targets: [vertex/{gemini}]}}
  vertex_claude: {{targets: ["vertex/{vertex_claude}"]}}
budgets: [{{name: everything, limit_usd: "1000", period: total, hard: true}}]
virtual_keys: [{{name: journey, key: {virtual_key}}}]
pricing:
  overrides:
    "bedrock/{nova}": {price}
    "bedrock/{profile}": {price}
    "bedrock/{claude}": {price}
    vertex/{gemini}: {price}
    "vertex/{vertex_claude}": {price}
"""


def configuration(provider: FakeProvider, *keys: str) -> str:
    listed = ", ".join(f'{{label: k{number}, key: "{key}"}}' for number, key in enumerate(keys or (SIGNED,)))
    return CONFIG.format(
        base_url=provider.base_url,
        keys=f"[{listed}]",
        nova=NOVA,
        profile=PROFILE,
        claude=CLAUDE,
        gemini=GEMINI,
        vertex_claude=VERTEX_CLAUDE,
        virtual_key=VIRTUAL_KEY,
        price="{input: 0.4, output: 1.6, cache_read: 0.04, cache_write: 0.5, max_output: 4000}",
    )


RATES = {**PRICES["fake-small"], "cache_read": 40_000_000, "cache_write": 500_000_000}


async def put(gateway: Running, model: str, prompt: str = "hi", *, dialect: str = "openai_chat", **more: Any) -> Reply:
    return await exchange(gateway.port, ask(dialect, prompt, model=model, cap=64, **more))
