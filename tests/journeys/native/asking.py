"""What the tests of native calls share: a configuration, its virtual keys, and how they ask."""

import json

from tests.journeys import wire
from tests.journeys.running import Running
from tests.journeys.wire import Question, Reply, exchange

from omnillm.testing import FakeProvider
from omnillm.testing.shelves.shelf import Kept, Shelf

ADA, BOB, CAROL, DORA = (f"sk-omni-{name}-0123456789" for name in ("ada", "bob", "carol", "dora"))
CONFIG = f"""
server: {{port: 0, auth: required, native: {{openai: openai}}}}
store: {{url: "memory://"}}
providers:
  openai:
    kind: openai
    base_url: BASE
    selection: priority
    passthrough: ["/vector_stores*"]
    keys: [{{label: a, key: sk-a, models: ["fake-*"]}}, {{label: b, key: sk-b}}]
  whole: {{kind: custom, protocol: openai_chat, base_url: "BASE/v1/chat/completions", passthrough: ["/v1/models"], keys: [{{label: a, key: sk-a}}]}}
  gemini: {{kind: gemini, base_url: BASE, auth: {{query: key}}, keys: [{{label: a, key: sk-a}}]}}
budgets: [{{name: soft, scope: named, limit_usd: 5, hard: false}}, {{name: hard, scope: named, limit_usd: 5}}]
virtual_keys:
  - {{name: ada, key: {ADA}, budgets: [soft]}}
  - {{name: bob, key: {BOB}, budgets: [hard]}}
  - {{name: carol, key: {CAROL}, models: ["openai/fake-small", fast]}}
  - {{name: dora, key: {DORA}}}
pricing: {{overrides: {{openai/fake-small: {{input: 0.4, output: 1.6}}}}}}
"""
FILE = "/providers/openai/v1/files"
FORM = b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n%b\r\n--x--\r\n'
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


def question(method: str, path: str, body: bytes = b"", *, key: str = ADA, **fields: str) -> Question:
    return wire.question(method, path, body, key=key, headers={name.replace("_", "-"): value for name, value in fields.items()})


async def ask(gateway: Running, method: str, path: str, body: bytes = b"", *, key: str = ADA, **fields: str) -> Reply:
    return await exchange(gateway.port, question(method, path, body, key=key, **fields))


async def upload(gateway: Running, content: bytes = b"deep", *, key: str = ADA) -> Reply:
    return await ask(gateway, "POST", FILE, FORM % content, key=key, content_type=MULTIPART["content-type"])


BATCHED = b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "fake-small", "max_tokens": 20, "messages": []}}'


async def batch_over(gateway: Running, fake: FakeProvider, content: bytes, key: str) -> tuple[str, Shelf, Kept]:
    """Of a file with that content: its id, and where its provider keeps it."""
    file = (await upload(gateway, content, key=key)).json["id"]
    asked = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    made = (await ask(gateway, "POST", "/v1/batches", json.dumps(asked).encode(), key=key)).json["id"]
    [(shelf, kept)] = [
        (shelf, kept) for each in ("sk-a", "sk-b") if (kept := (shelf := fake.shelf(each)).find("batches", made)) is not None
    ]
    return made, shelf, kept
