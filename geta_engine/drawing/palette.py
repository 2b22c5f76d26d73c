"""Colours that the Graphviz text and the studio share."""

from __future__ import annotations

GROUP_COLOURS = ("#2e6fb7", "#de6b1f", "#4b9e5f", "#b03a84", "#332288", "#8c4a2f", "#cc79a7", "#7a1f3d")
"""Lines of groups on a light page. Any two stay apart for normal sight and under protanopia, deuteranopia and
tritanopia."""
FIXED_COLOUR = "#7b8794"
"""Lines on paper of what cannot be pruned."""
SCOPE_COLOUR = "#b8c2cf"
"""Frames on paper of open scopes."""
