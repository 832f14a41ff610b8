"""Colours that mean the same on all pages, charts and pictures."""

from __future__ import annotations

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Told apart by the colour-blind too (Okabe and Ito 2008)."""

WORSE, SAME, BETTER = "#b35806", "#f7f7f7", "#2166ac"
"""Orange and blue, which the colour-blind tell apart, and which differ from white in print."""
