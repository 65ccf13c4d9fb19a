"""What the demo sends, and the lines that it leaves to copy."""

import msgspec

PROMPT = "Say something kind about gateways."


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    path: str
    body: bytes
    is_stream: bool = False

    def head(self, key: str, authority: str) -> bytes:
        return (
            f"POST {self.path} HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        ).encode()


def _both(name: str, path: str, body: dict[str, object]) -> tuple[Sample, Sample]:
    """The plain form and the streamed one."""
    return (
        Sample(name=name, path=path, body=msgspec.json.encode(body)),
        Sample(name=f"{name}, stream", path=path, body=msgspec.json.encode({**body, "stream": True}), is_stream=True),
    )


_CONTENTS = {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}], "generationConfig": {"maxOutputTokens": 64}}
_MESSAGES = [{"role": "user", "content": PROMPT}]
_GEMINI = "/v1beta/models/gemini:"
SAMPLES = (
    *_both("OpenAI chat", "/v1/chat/completions", {"model": "fast", "messages": _MESSAGES, "max_completion_tokens": 64}),
    *_both("OpenAI responses", "/v1/responses", {"model": "fast", "input": PROMPT, "max_output_tokens": 64}),
    *_both("Anthropic messages", "/v1/messages", {"model": "claude", "messages": _MESSAGES, "max_tokens": 64}),
    Sample(name="Gemini", path=f"{_GEMINI}generateContent", body=msgspec.json.encode(_CONTENTS)),
    Sample(name="Gemini, stream", path=f"{_GEMINI}streamGenerateContent?alt=sse", body=msgspec.json.encode(_CONTENTS), is_stream=True),
)


def usage_lines(port: int, key: str) -> list[str]:
    base = f"http://127.0.0.1:{port}"
    chat = '{"model": "fast", "messages": [{"role": "user", "content": "Hello"}], "stream": true}'
    return [
        "",
        "It stays up; Ctrl-C ends it. Some lines to copy:",
        "",
        f"  curl -N {base}/v1/chat/completions -H 'authorization: Bearer {key}' -H 'content-type: application/json' -d '{chat}'",
        f"  {base}/dashboard  in a browser, with the admin key demo-admin-key-0123456789",
        f"  curl {base}/admin/v1/pools -H 'authorization: Bearer demo-admin-key-0123456789'",
        f"  curl {base}/metrics",
        "",
        f"  from openai import OpenAI;          OpenAI(base_url='{base}/v1', api_key='{key}')",
        f"  from anthropic import Anthropic;    Anthropic(base_url='{base}', api_key='{key}')",
        f"  from google import genai;           genai.Client(api_key='{key}', http_options={{'base_url': '{base}'}})",
        "",
    ]
