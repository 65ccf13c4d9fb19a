"""https://docs.anthropic.com/en/api."""

from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES
from omnillm.providers.auth_scheme import Header
from omnillm.providers.endpoint import Endpoint
from omnillm.secret import Secret

ANTHROPIC = Endpoint(
    kind="anthropic",
    protocols=(ANTHROPIC_MESSAGES,),
    base_url=Secret("https://api.anthropic.com/v1"),
    version="v1",
    auth=Header("x-api-key"),
    # The newer 2026-10-21 refuses sampling parameters: only a client that speaks it should ask for it.
    fallback_headers=(("anthropic-version", "2023-06-01"),),
)
