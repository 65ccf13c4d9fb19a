"""What may be written of the part at which an emitter stands."""

from typing import ClassVar

from omnillm.protocols.gemini_generate_content import place as generate_content

NAME = "gemini_interactions"
OF_CONTENT = "content."
"""With what the kinds of native parts begin that stand inside a step; the others are steps."""


class Place(generate_content.Place, eq=False, gc=False):
    own_protocol: ClassVar[str] = NAME
    host: ClassVar[str] = "Interactions"
    part_shapes: ClassVar[None] = None
