"""The fake provider's live sessions, spoken over `websockets` itself: nothing of ours reads or writes its frames.

speaker          what a protocol's side of a session supplies
openai_realtime  gemini_live
session          one session on its connection: faults, pauses, what is billed
"""
