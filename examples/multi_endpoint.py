"""One model name, two providers with different protocols: when the first fails, the second answers. `python examples/multi_endpoint.py`."""

import asyncio
import tempfile
from pathlib import Path

from omnillm import Gateway, GenerationConfig, LlmRequest, user
from omnillm.testing import FAULTS, Behaviour, FakeProvider

CONFIG = """
providers:
  anthropic: {{kind: anthropic, base_url: "{first}", keys: [{{label: a, key: sk-first}}]}}
  openai: {{kind: openai, base_url: "{second}", keys: [{{label: b, key: sk-second}}]}}
models:
  smart: {{targets: [anthropic/claude-sonnet-4-5, openai/gpt-4.1-mini]}}
store: {{url: "memory://", durability: relaxed}}
"""


async def main() -> None:
    broken, good = Behaviour(fault=FAULTS["status_503"]), Behaviour(words=8)
    async with FakeProvider(keys={"sk-first": broken}) as first, FakeProvider(keys={"sk-second": good}) as second:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "omnillm.yaml"
            path.write_text(CONFIG.format(first=first.base_url, second=second.base_url), "utf-8")
            gateway = Gateway.from_config(path)
        async with gateway:
            request = LlmRequest(
                model="smart", input=(user("How deep is the lake?"),), generation=GenerationConfig(max_output_tokens=40, seed=7)
            )
            reply = await gateway.call(request)
            print(f"{reply.provider} answered after {reply.attempts} attempts: {reply.content_text}")
            print("lost:", *(f"{loss.kind} {loss.path}" for loss in reply.loss_reasons) if reply.loss_reasons else ["nothing"])


if __name__ == "__main__":
    asyncio.run(main())
