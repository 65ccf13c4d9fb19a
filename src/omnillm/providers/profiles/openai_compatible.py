"""Hosts that speak OpenAI's protocol at an address of their own. Those that many use have a kind, in `presets.py`."""

from omnillm.protocols.protocol_names import OPENAI_CHAT, OPENAI_RESPONSES
from omnillm.providers.endpoint import Endpoint
from omnillm.secret import Secret

OPENAI_COMPATIBLE = Endpoint(
    kind="openai_compatible",
    protocols=(OPENAI_CHAT,),
    pinnable=(OPENAI_CHAT, OPENAI_RESPONSES),
    base_url=Secret(""),
    version="v1",
    chat_cap_member="max_tokens",
    asks_usage=True,
    has_sessions=True,
)
