"""An exchange recorded for a test, without its secrets and blobs. `python examples/replay_fixture.py`."""

import json
import tempfile
from pathlib import Path

from omnillm import ReplayFixture, TransportRequest, TransportResponse, parse_response
from omnillm.replay import JsonBody

RECORDED = ReplayFixture(
    name="hello",
    protocol="openai_chat",
    request=TransportRequest(
        method="POST",
        url="https://api.openai.com/v1/chat/completions?api_key=sk-live",
        headers=(("Authorization", "Bearer sk-live"), ("content-type", "application/json")),
        body=JsonBody(
            {
                "model": "m",
                "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}],
            }
        ),
    ),
    response=TransportResponse(
        status=200,
        body=JsonBody(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A lake."}}],
            }
        ),
    ),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "hello.json"
        RECORDED.save(path)  # sanitised, whether or not anybody thought of it
        fixture = ReplayFixture.load(path)
    print("url:    ", fixture.request.url)
    print("header: ", fixture.request.headers[0])
    assert isinstance(fixture.request.body, JsonBody)
    print("image:  ", json.dumps(fixture.request.body.value["messages"][0]["content"][0]))
    assert isinstance(fixture.response.body, JsonBody)
    reply = parse_response(fixture.protocol, json.dumps(fixture.response.body.value).encode()).value
    print("reply:  ", reply.content_text)


if __name__ == "__main__":
    main()
