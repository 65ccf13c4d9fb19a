"""Tokens of sound, pictures and film, taken out of the totals that they are a part of. Whatever a provider tells, the parts add up."""

from typing import NamedTuple


class Media(NamedTuple):
    """Tokens."""

    audio: int = 0
    image: int = 0
    video: int = 0


NO_MEDIA = Media()


def split_prompt(prompt: int, cached: int, told: Media, told_cached: Media = NO_MEDIA, written: int = 0) -> dict[str, int]:
    """The disjoint counts of a prompt by their names in `Usage`, but for `written`, which the sum lacks.

    `cached` (at most the prompt) was read from a cache and `written` is written to one; `told` is in the whole prompt and `told_cached` in
    what is cached. Media that do not fit into the rest are cached, told or not. What is written costs at least as a picture that is not,
    and less than sound: pictures are therefore looked for in what is left of both.
    """
    fresh, kept = prompt - cached, cached
    audio, cached_audio = _placed(told.audio, told_cached.audio, fresh, kept, 0)
    fresh, kept = fresh - audio, kept - cached_audio
    written = min(written, fresh)
    fresh -= written
    image, cached_image = _placed(told.image, told_cached.image, fresh, kept, written)
    fresh, kept = fresh - image, kept - cached_image
    video, cached_video = _placed(told.video, told_cached.video, fresh, kept, written)
    return {
        "input": fresh - video,
        "cache_read": kept - cached_video,
        "input_audio": audio,
        "cache_read_audio": cached_audio,
        "input_image": image,
        "cache_read_image": cached_image + cached_video,
        "input_video": video,
    }


def _placed(told: int, told_cached: int, fresh: int, kept: int, written: int) -> tuple[int, int]:
    """Tokens of one kind in what is fresh and in what is kept, of which there are so many."""
    cached = min(told_cached, kept)
    rest = max(told - told_cached, 0)
    uncached = min(rest, fresh)
    return uncached, min(cached + max(rest - uncached - written, 0), kept)


def split_completion(visible: int, told: Media) -> dict[str, int]:
    """The disjoint counts of a completion without its reasoning."""
    audio = min(told.audio, visible)
    image = min(told.image, visible - audio)
    video = min(told.video, visible - audio - image)
    return {"output": visible - audio - image - video, "output_audio": audio, "output_image": image, "output_video": video}
