"""The protocols of live sessions, by the wire protocol that they belong to."""

from omnillm.protocols.sessions.gemini_live import GEMINI_LIVE
from omnillm.protocols.sessions.openai_realtime import OPENAI_REALTIME

SESSIONS = {"openai_chat": OPENAI_REALTIME, "gemini_generate_content": GEMINI_LIVE}
