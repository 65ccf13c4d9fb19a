"""Every known way past a budget, by the number that the list of bypasses gives it: each is a test, and none of them works.

B10 (replicas that lag) waits for several processes on one ledger, B11 (replays with an idempotency key) stands in
`journeys/idempotency/`; B13 (a guardrail's refusal after generation) and B14 (cached replies) do not apply: there is neither.

This file: what they share.
"""

import json

from tests.journeys.running import PRICES, Running, until
from tests.journeys.wire import JSON

from omnillm.testing import FakeProvider, Fault

INPUT, OUTPUT = 400, 1600
"""nano-USD a token of the journeys' prices."""
KEYS = "/admin/v1/virtual-keys"


async def check_paid(gateway: Running, fake: FakeProvider) -> None:
    """Nothing is held, and what was billed is settled, to the nano-dollar unless something is estimated."""
    await fake.ended(len(fake.log))
    await until(lambda: gateway.in_flight == 0)
    ledger = await gateway.spent()
    requests = await gateway.program.store.requests(limit=1000, before="")
    assert ledger >= fake.invoice.total_nanousd
    if not any(request.is_estimated for request in requests):
        assert ledger == fake.invoice.total_nanousd


LARGE = {"fake-small": PRICES["fake-small"], "fake-large": {"input": 4_000_000_000, "output": 16_000_000_000}}


def with_large(text: str, targets: str) -> str:
    """The configuration with these targets of `fast`, and the price of the other provider's larger model."""
    return text.replace("[openai/fake-small]", f"[{targets}]") + "    anthropic/fake-large: {input: 4, output: 16}\n"


WORDS = 30
TEXT = "heron " * WORDS


def said(dialect: str, usage: JSON) -> Fault:
    """A plain reply of thirty words that reports this usage."""
    body: JSON = {
        "openai_chat": {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
            "usage": usage,
        },
        "openai_responses": {
            "id": "resp_1",
            "object": "response",
            "status": "completed",
            "usage": usage,
            "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": TEXT}]}],
        },
        "anthropic_messages": {
            "type": "message",
            "role": "assistant",
            "stop_reason": "end_turn",
            "usage": usage,
            "content": [{"type": "text", "text": TEXT}],
        },
        "gemini_interactions": {
            "id": "v1_a",
            "status": "completed",
            "usage": usage,
            "steps": [{"type": "model_output", "content": [{"type": "text", "text": TEXT}]}],
        },
        "gemini": {"candidates": [{"content": {"parts": [{"text": TEXT}]}, "finishReason": "STOP"}], "usageMetadata": usage},
    }[dialect]
    return Fault(http_status=200, body=json.dumps(body).encode())
