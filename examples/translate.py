"""Translation without a gateway: request, reply, stream and error, and what each could not carry. `python examples/translate.py`."""

import json

from omnillm import ProtocolError, ReplyContext, StreamTranscoder, parse_request, transcode_error, transcode_request, transcode_response

CHAT = {
    "model": "claude-sonnet-4-5",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How deep is the lake?"}],
    "seed": 7,
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "149 m."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 20, "output_tokens": 5},
}
EVENTS = (
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "149 m."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
)


def main() -> None:
    request = transcode_request("openai_chat", "anthropic_messages", json.dumps(CHAT).encode())
    print("request:", request.value.decode())
    for loss in request.loss_reasons:
        print(f"  {loss.kind} {loss.path}: {loss.detail}")

    context = ReplyContext(id="1", created=1_795_608_000, model="claude-sonnet-4-5")
    reply = transcode_response("anthropic_messages", "openai_chat", json.dumps(MESSAGE).encode(), context=context)
    print("reply:", json.loads(reply.value)["choices"][0])

    transcoder = StreamTranscoder("anthropic_messages", "openai_chat", context=context)
    for event in EVENTS:
        chunk = transcoder.feed(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        print(f"{event['type']:19} ->", chunk.decode().strip() or "nothing yet")
    transcoder.feed(b"")  # the end of the provider's stream; a cut one raises here

    body = b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}'
    error = transcode_error("anthropic_messages", "openai_chat", status=529, body=body)
    print("error:", error.value.status, error.value.body.decode())

    try:
        transcode_request("openai_responses", "openai_chat", b'{"model": "m", "input": "And?", "previous_response_id": "resp_1"}')
    except ProtocolError as refused:
        print("refused:", refused.message)

    print("canonical:", parse_request("openai_chat", json.dumps(CHAT).encode()).value.system_text)


if __name__ == "__main__":
    main()
