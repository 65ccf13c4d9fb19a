"""The configuration that `omnillm init` writes."""

from pathlib import Path


def template() -> str:
    return Path(__file__).with_name("template.yaml").read_text(encoding="utf-8")
