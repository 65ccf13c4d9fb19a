"""Frames of a stream that is being written, and the numbers of its steps."""

from typing import Any

import msgspec

encode = msgspec.json.Encoder().encode
DONE = b"event: done\ndata: [DONE]\n\n"


class Wire:
    """Frames wait in it until they are taken."""

    __slots__ = ("_frames", "_steps")

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._steps = 0

    def take(self) -> bytes:
        written = b"".join(self._frames)
        self._frames.clear()
        return written

    def write(self, kind: str, members: dict[str, Any]) -> None:
        self._frames.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), encode({**members, "event_type": kind})))

    def write_raw(self, frame: bytes) -> None:
        self._frames.append(frame)

    def start_step(self, step: dict[str, Any]) -> int:
        """Announce a step; return its index."""
        index = self._steps
        self._steps += 1
        self.write("step.start", {"index": index, "step": step})
        return index

    def grow(self, index: int, delta: dict[str, Any]) -> None:
        self.write("step.delta", {"index": index, "delta": delta})

    def stop_step(self, index: int) -> None:
        self.write("step.stop", {"index": index})

    def whole(self, step: dict[str, Any]) -> None:
        """Write a step of a plain reply. What is content, or a signature alone, comes in deltas, as where it grows."""
        deltas: list[Any] = []
        if step.keys() == {"type", "content"} and step["type"] == "model_output":
            step, deltas = {"type": "model_output"}, step["content"]
        elif step.keys() == {"type", "signature"} and step["type"] == "thought":
            step, deltas = {"type": "thought"}, [{"type": "thought_signature", "signature": step["signature"]}]
        index = self.start_step(step)
        for delta in deltas:
            self.grow(index, delta)
        self.stop_step(index)


def text_head(index: int) -> bytes:
    """Prepare what all pieces of one text begin with."""
    return b'event: step.delta\ndata: {"index":%d,"delta":{"type":"text","text":' % index


TEXT_TAIL = b'},"event_type":"step.delta"}\n\n'
