"""How long a sound is at most, and what its transcription is paid by."""

import struct

from tests.in_turn import in_turn

from omnillm import Usage
from omnillm.endpoints.forms import Opening, longest_ms
from omnillm.endpoints.registry import FORMATS


def wav(rate: int, block: int, *, coding: int = 1, seconds: int = 2) -> bytes:
    size = rate * block * seconds
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, coding, 1, rate, rate * block, block, 8 * block, b"data", size
    )


def after(chunk: bytes) -> bytes:
    """A WAV of a quarter of a second of 8 kHz, behind a chunk that no player looks into."""
    return b"RIFF\0\0\0\0WAVEJUNK" + len(chunk).to_bytes(4, "little") + chunk + b"\0" * (len(chunk) % 2) + wav(8_000, 1)[12:]


@in_turn(
    ("opening", "size", "most"),
    [
        (wav(16_000, 2), 16_000 * 2 * 2, 2_000),
        (after(wav(8_000, 1_000)[12:36]), 2_000, 250),
        (after(b"odd"), 2_000, 250),
        (after(b"x" * 5_000)[:4096], 2_000, None),
        (wav(8_000, 1, coding=7), 8_000 * 3, 3_000),
        (wav(16_000, 2, coding=85), 64_000, None),
        (b"RIFF\0\0\0\0AVI " + wav(16_000, 2)[12:], 64_000, None),
        (wav(0, 2), 64_000, None),
        (b"RIFF\0\0\0\0WAVE", 64_000, None),
        (wav(8_000, 1)[:32] + b"\xff\x7f" + wav(8_000, 1)[34:], 8_000, 1_000),  # blocks of 32 KiB, of one sample of a byte
        (wav(8_000, 2)[:34] + b"\0\0" + wav(8_000, 2)[36:], 8_000, None),
        (b"\xff\xfb\x90\x00", 10_000, 10_000),
        (b"\0\0\xff\xf3\x90\x00", 10_000, 10_000),
        (b"ID3\x04", 10_000, None),
        (wav(16_000, 2, coding=0xFFFE)[:36] + bytes([22, 0, 16, 0, 0, 0, 0, 0, 1, 0]) + b"\0" * 14, 64_000, 2_000),
        (wav(16_000, 2)[:30], 64_000, None),
        (b"OggS", 10_000, None),
        (b"fLaC", 10_000, None),
        (b"", 0, None),
    ],
)
def test_only_what_bounds_its_length_has_a_bound(opening: bytes, size: int, most: int | None) -> None:
    """WAV by its blocks, MP3 by its lowest rate; everything else may be silence of any length."""
    assert longest_ms(opening, size) == most


EMPTY_TAG = b"ID3\x04\0\0\0\0\0\0"
TAG = b"ID3\x04\0\0\0\0\x7f\x7f" + bytes(127 * 128 + 127)


@in_turn(
    ("file", "kept"),
    [
        (TAG + b"fLaC", b"fLaC"),
        (TAG + TAG + b"\xff\xfb", b"\xff\xfb"),
        (TAG[:5] + b"\x10" + TAG[6:] + b"3DI\x04\0\x10\0\0\x7f\x7f" + b"\xff\xfb", b"\xff\xfb"),
        (b"ID3\x04\0\0\0\0\0\x02xy" + bytes(5_000), bytes(4096)),
        (EMPTY_TAG * 8 + b"\xff\xfb", b"\xff\xfb"),
        (EMPTY_TAG * 9 + b"\xff\xfb", EMPTY_TAG + b"\xff\xfb"),
        (TAG[:-1], b""),
        (b"ID3", b"ID3"),
        (bytes(5_000), bytes(4096)),
    ],
)
def test_tags_in_front_of_sound_are_no_part_of_it(file: bytes, kept: bytes) -> None:
    """Behind an MP3's tag there may be FLAC, whose silence takes no room: players go by what stands behind it."""
    for size in (1, 7, 4096, len(file)):
        opening = Opening()
        for at in range(0, len(file), size):
            opening.feed(file[at : at + size])
        assert opening.kept == kept


def test_usage_of_a_transcription_is_tokens_or_seconds() -> None:
    """Or the duration of a verbose reply; subtitles tell nothing."""
    peek = FORMATS["openai_transcriptions"].protocol.peek_reply
    assert peek(b'{"text":"a","usage":{"type":"tokens","input_tokens":3,"output_tokens":2}}').usage == Usage(input_audio=3, output=2)
    told = b'{"text":"a","usage":{"type":"tokens","input_tokens":9,"input_token_details":{"text_tokens":4,"audio_tokens":5}}}'
    assert peek(told).usage == Usage(input=4, input_audio=5)
    assert peek(b'{"text":"a","usage":{"type":"duration","seconds":1.5}}').usage == Usage(audio_ms=1500)
    assert peek(b'{"text":"a","duration":0.25}').usage == Usage(audio_ms=250)
    assert peek(b"WEBVTT\n\n00:00").is_complete
    assert peek(b"WEBVTT\n\n00:00").usage is None
    assert not peek(b'{"text":').is_complete
    assert not peek(b"<html>").is_complete
    assert peek(b'{"error":{"message":"no"}}').failure is not None
