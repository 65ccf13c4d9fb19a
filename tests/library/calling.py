"""What the tests of the library share: two keys, what a model costs, and what is asked of it."""

from omnillm import KeyConfig, PriceConfig

KEYS = [KeyConfig(label="a", key="key-a"), KeyConfig(label="b", key="key-b")]
PRICE = {"fake-small": PriceConfig(input="0.4", output="1.6")}
PRICES = {"fake-small": {"input": 400_000_000, "output": 1_600_000_000}}
"""The same, as the fake provider bills it."""
CHAT = {"model": "fake-small", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}
