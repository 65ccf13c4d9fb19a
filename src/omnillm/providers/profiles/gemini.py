"""https://ai.google.dev/api."""

from omnillm.protocols.protocol_names import GEMINI_GENERATE_CONTENT, GEMINI_INTERACTIONS
from omnillm.providers.auth_scheme import Header
from omnillm.providers.endpoint import Endpoint
from omnillm.secret import Secret

GEMINI = Endpoint(
    kind="gemini",
    protocols=(GEMINI_GENERATE_CONTENT, GEMINI_INTERACTIONS),
    base_url=Secret("https://generativelanguage.googleapis.com/v1beta"),
    version="v1beta",
    auth=Header("x-goog-api-key"),
    has_sessions=True,
    passed=("api-revision",),
)
