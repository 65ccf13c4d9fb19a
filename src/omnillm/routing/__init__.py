"""From the model that a caller asked for to the targets of its call, in the order in which they will be tried. Pure."""
