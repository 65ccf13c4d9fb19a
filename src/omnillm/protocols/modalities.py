"""Tokens of sound, pictures and film are taken out of the totals that include them, so that the parts add up to the total."""

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
    heard = max(told.audio - told_cached.audio, 0)
    audio = min(heard, fresh)
    cached_audio = min(told_cached.audio + heard - audio, kept)
    fresh, kept = fresh - audio, kept - cached_audio
    written = min(written, fresh)
    fresh -= written
    pictures, film = max(told.image - told_cached.image, 0), max(told.video - told_cached.video, 0)
    image = min(pictures, fresh)
    video = min(film, fresh - image)
    elsewhere = max(pictures + film - image - video - written, 0)
    cached_seen = min(told_cached.image + told_cached.video + elsewhere, kept)
    return {
        "input": fresh - image - video,
        "cache_read": kept - cached_seen,
        "input_audio": audio,
        "cache_read_audio": cached_audio,
        "input_image": image,
        "cache_read_image": cached_seen,
        "input_video": video,
    }


def split_completion(visible: int, told: Media) -> dict[str, int]:
    """The disjoint counts of a completion without its reasoning."""
    audio = min(told.audio, visible)
    image = min(told.image, visible - audio)
    video = min(told.video, visible - audio - image)
    return {"output": visible - audio - image - video, "output_audio": audio, "output_image": image, "output_video": video}
