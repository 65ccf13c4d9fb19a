"""https://platform.openai.com/docs/api-reference."""

import re
from typing import Final

from omnillm.protocols.protocol_names import OPENAI_CHAT, OPENAI_RESPONSES
from omnillm.providers.endpoint import Endpoint
from omnillm.secret import Secret

IN_RESPONSES: Final = re.compile(
    r"gpt-(?:5[.-](?:[4-9]|[1-9]\d)|[6-9]|[12]\d)(?!\d)|(?:gpt-5(?:[.-]\d)?|o\d)-pro(?![a-z])|codex|deep-research|computer-use"
)
"""From GPT-5.4 on Chat refuses functions beside reasoning, the default; the others are not there at all."""
OPENAI = Endpoint(
    kind="openai",
    protocols=(OPENAI_CHAT, OPENAI_RESPONSES),
    in_responses=IN_RESPONSES,
    base_url=Secret("https://api.openai.com/v1"),
    version="v1",
    asks_usage=True,
    has_sessions=True,
    system_role="developer",
)
