"""Live sessions over WebSocket: what a protocol's messages mean for money and endings. The messages themselves pass untouched.

session          what every such protocol supplies
openai_realtime  OpenAI's Realtime API
gemini_live      Gemini's Live API
registry         by the name of the protocol whose sessions they are
"""
