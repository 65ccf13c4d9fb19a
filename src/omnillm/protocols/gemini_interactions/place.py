"""What may be written of the part at which an emitter stands."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from omnillm.model.message import VendorExtensions
from omnillm.protocols.gemini_generate_content import place as generate_content
from omnillm.protocols.gemini_generate_content.place import merge

NAME = "gemini_interactions"
OF_CONTENT = "content."
"""With what the kinds of native parts begin that stand inside a step; the others are steps."""


class Place(generate_content.Place, eq=False, gc=False):
    own_protocol: ClassVar[str] = NAME

    def extend(
        self,
        owner: dict[str, Any],
        extensions: VendorExtensions,
        path: Callable[[str], str],
        shapes: Mapping[str, Any] | None = None,  # noqa: ARG002 - clients of Interactions take any
    ) -> None:
        """Add members that have no canonical home. A member that is written already keeps what it has."""
        for name, value in extensions.items():
            if self.is_own:
                merge(owner, name, value)
            else:
                self.losses.drop(path(f".vendor_extensions.{name}"), "Interactions does not know it")
