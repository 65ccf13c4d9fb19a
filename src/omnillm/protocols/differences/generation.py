"""Sampling, stops and tiers for protocols that have other words for them, or none. Claude's two protocols lack the same ones."""

from collections.abc import Mapping

from omnillm.model.capabilities import CapabilitySet, OutputModality
from omnillm.model.request import GenerationConfig
from omnillm.protocols.loss import Losses
from omnillm.protocols.set_fields import said

_TIER = "generation.service_tier"
_unsaid_numbers = said("presence_penalty", "frequency_penalty", "seed", "top_logprobs", "logit_bias")


def drop_unsaid(generation: GenerationConfig, losses: Losses, host: str, *, says_seed: bool = False) -> None:
    """`host`: what people call the protocol."""
    for name, _ in _unsaid_numbers(generation):
        if name != "seed" or not says_seed:
            losses.drop(f"generation.{name}", f"{host} has no {name}")
    if generation.n is not None and generation.n != 1:
        losses.drop("generation.n", f"{host} gives one answer")
    for name in ("logprobs", "verbosity"):
        if getattr(generation, name):
            losses.drop(f"generation.{name}", f"{host} has no {name}")


def drop_unsaid_capabilities(capabilities: CapabilitySet, losses: Losses, host: str) -> None:
    if any(modality is not OutputModality.TEXT for modality in capabilities.modalities):
        losses.drop("capabilities.modalities", f"{host} answers with text")
    for name in ("max_tool_calls", "audio"):
        if getattr(capabilities, name) is not None:
            losses.drop(f"capabilities.{name}", f"{host} has no {name}")


def stops_of_words(generation: GenerationConfig, losses: Losses) -> list[str]:
    """Return the stop sequences but those of blanks, which are refused."""
    stops = [stop for stop in generation.stop if stop.strip()]
    if len(stops) < len(generation.stop):
        losses.drop("generation.stop", "a stop sequence must hold more than blanks")
    return stops


def tier_said(tier: str, words: Mapping[str, str], losses: Losses, there_are: str, path: str = _TIER) -> str | None:
    """Return the word for a service tier; None: there is none. `there_are`: "Gemini has flex, standard and priority"."""
    word = words.get(tier.lower())
    if word is None:
        losses.drop(path, there_are)
    elif word != tier:
        losses.approximate(path, f"said as {word}")
    return word
