"""The gateway as it is benched: the documented defaults, with a virtual key, limits, a budget, a ledger and metrics on."""

from pathlib import Path

KEY = "sk-omni-0123456789abcdef0123456789abcdef"

TEMPLATE = """
server: {{host: 127.0.0.1, port: {port}, auth: required, admin_key: bench-admin-key-0123456789}}
store: {{url: "{store}", durability: {durability}}}
providers:
  openai:
    kind: openai
    base_url: http://127.0.0.1:{mock}/v1
    keys:
{keys}
models:
  gpt-4.1-mini: {{targets: [openai/gpt-4.1-mini]}}
budgets:
  - {{name: everything, limit_usd: 1000000, period: month, hard: true}}
virtual_keys:
  - {{name: bench, key: {key}, rpm: 100000000, tpm: 100000000000, max_concurrency: 100000}}
"""


def write_config(directory: Path, *, port: int, mock: int, durability: str, keys: int = 4) -> Path:
    """`durability`: relaxed, strict, or memory (no file at all)."""
    pool = "\n".join(f"      - {{label: k{n}, key: sk-upstream-{n:06d}, rpm: 100000000, tpm: 100000000000}}" for n in range(keys))
    store = "memory://" if durability == "memory" else f"sqlite:///{directory}/{durability}.db"
    text = TEMPLATE.format(
        port=port, mock=mock, store=store, durability="relaxed" if durability == "memory" else durability, keys=pool, key=KEY
    )
    path = directory / f"{durability}-{keys}.yaml"
    path.write_text(text)
    return path
