"""Tokens of sound, pictures and film within totals: whatever is told, the parts add up, and nothing is charged twice or not at all."""

import json

from hypothesis import given
from hypothesis import strategies as st

from omnillm.endpoints import images, transcription
from omnillm.protocols.modalities import Media, split_completion, split_prompt
from omnillm.protocols.registry import PROTOCOLS
from omnillm.protocols.sessions.gemini_live import LiveWatch
from omnillm.protocols.sessions.openai_realtime import RealtimeWatch
from omnillm.usage import Usage

tokens = st.integers(0, 1000)
media = st.builds(Media, tokens, tokens, tokens)


@given(prompt=tokens, cached=tokens, told=media, told_cached=media, written=tokens)
def test_parts_of_a_prompt_add_up_to_it(prompt, cached, told, told_cached, written):
    """Also where the provider contradicts itself; no part exceeds what was told of it, nor what it is a part of."""
    cached = min(cached, prompt)
    parts = split_prompt(prompt, cached, told, told_cached, written)
    missing = prompt - sum(parts.values())
    assert min(parts.values()) >= 0
    assert 0 <= missing <= written
    assert sum(count for name, count in parts.items() if name.startswith("cache_read")) == cached
    assert parts["input_audio"] + parts["cache_read_audio"] <= max(told.audio, told_cached.audio)
    seen = parts["input_image"] + parts["input_video"] + parts["cache_read_image"]
    assert seen <= max(told.image, told_cached.image) + max(told.video, told_cached.video)


@given(text=media, audio=media, image=media, video=media)
def test_what_is_told_in_full_is_found_in_full(text, audio, image, video):
    """Each kind with a part that was cached and one that was not."""
    kinds = (audio, image, video)
    cached = sum(kind.audio for kind in (text, *kinds))
    prompt = cached + sum(kind.image for kind in (text, *kinds))
    told = Media(*(kind.audio + kind.image for kind in kinds))
    assert split_prompt(prompt, cached, told, Media(*(kind.audio for kind in kinds))) == {
        "input": text.image,
        "cache_read": text.audio,
        "input_audio": audio.image,
        "cache_read_audio": audio.audio,
        "input_image": image.image,
        "cache_read_image": image.audio + video.audio,
        "input_video": video.image,
    }


@given(visible=tokens, told=media)
def test_parts_of_a_completion_add_up_to_it(visible, told):
    """None is negative, and none exceeds what was told of it."""
    parts = split_completion(visible, told)
    assert sum(parts.values()) == visible
    assert min(parts.values()) >= 0
    assert Media(parts["output_audio"], parts["output_image"], parts["output_video"]) <= told or sum(told) >= visible


def openai_usage(prompt, completion, counts, *, names):
    """`counts`: cached, written, reasoning, then media as they come."""
    cached, written, reasoning, *rest = counts
    into, out = names
    return {
        f"{into}_tokens": prompt,
        f"{out}_tokens": completion,
        "total_tokens": prompt + completion,
        f"{into}_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": written,
            "audio_tokens": rest[0],
            "image_tokens": rest[1],
        },
        f"{out}_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": rest[2], "image_tokens": rest[3]},
    }


counts = st.lists(tokens, min_size=9, max_size=9)


@given(prompt=tokens, completion=tokens, counts=counts)
def test_every_reader_finds_as_many_tokens_as_were_told(prompt, completion, counts):
    """Of a prompt and of a completion, whatever the details say of them."""
    found = []
    for protocol, names in (("openai_chat", ("prompt", "completion")), ("openai_responses", ("input", "output"))):
        usage = openai_usage(prompt, completion, counts, names=names)
        body = json.dumps({"usage": usage, "choices": [], "output": [], "status": "completed"}).encode()
        found.append(PROTOCOLS[protocol].peek_reply(body).usage)
    gemini = gemini_usage(prompt, completion, counts)
    found.append(PROTOCOLS["gemini_generate_content"].peek_reply(json.dumps({"candidates": [{}], "usageMetadata": gemini}).encode()).usage)
    live = gemini | {"responseTokenCount": completion, "responseTokensDetails": gemini["candidatesTokensDetails"]}
    found += [report.usage for report in LiveWatch().from_provider(json.dumps({"usageMetadata": live}).encode())]
    details = {"audio_tokens": counts[3], "image_tokens": counts[4], "cached_tokens": counts[0]}
    details["cached_tokens_details"] = {"audio_tokens": counts[7], "image_tokens": counts[8]}
    usage = {"input_tokens": prompt, "output_tokens": completion, "input_token_details": details}
    event = {"type": "response.done", "response": {"usage": usage | {"output_token_details": {"audio_tokens": counts[5]}}}}
    found += [report.usage for report in RealtimeWatch().from_provider(json.dumps(event).encode())]
    if prompt or completion:
        found.append(images.usage_of(usage | {"input_tokens_details": {"text_tokens": counts[3]}, "cached_tokens": counts[0]}))
        found.append(transcription.usage_of(usage | {"input_token_details": {"text_tokens": counts[3]}}))
    for each in found:
        assert (each.prompt_tokens, each.completion_tokens) == (prompt, completion)
        assert min(getattr(each, name) for name in Usage.__struct_fields__) >= 0


def gemini_usage(prompt, completion, counts):
    def modalities(audio, image, video=0):
        return [{"modality": name, "tokenCount": told} for name, told in (("AUDIO", audio), ("IMAGE", image), ("VIDEO", video)) if told]

    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": completion,
        "cachedContentTokenCount": counts[0],
        "promptTokensDetails": modalities(counts[3], counts[4], counts[1]),
        "cacheTokensDetails": modalities(counts[7], counts[8]),
        "candidatesTokensDetails": modalities(counts[5], counts[6], counts[2]),
    }
