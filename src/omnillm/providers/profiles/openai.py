"""https://platform.openai.com/docs/api-reference."""

from omnillm.protocols.protocol_names import OPENAI_CHAT, OPENAI_RESPONSES
from omnillm.providers.endpoint import Endpoint
from omnillm.secret import Secret

OPENAI = Endpoint(
    kind="openai",
    protocols=(OPENAI_CHAT, OPENAI_RESPONSES),
    base_url=Secret("https://api.openai.com/v1"),
    version="v1",
    asks_usage=True,
    has_sessions=True,
    system_role="developer",
)
