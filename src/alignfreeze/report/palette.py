"""Colours that mean the same on all pages, charts and pictures."""

from __future__ import annotations

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Told apart by the colour-blind too (Okabe and Ito 2008)."""

GREY = "#7f7f7f"
"""Of what the others are compared with; seen on light and on dark."""

WORSE, SAME, BETTER = "#b35806", "#f7f7f7", "#2166ac"
"""Orange and blue, which the colour-blind tell apart, and which differ from white in print."""


def ground_of(gain: float | None, greatest: float) -> str:
    """Return the colour of a gain.

    Args:
        gain: The gain; None where there is none.
        greatest: The greatest gain or loss, which has the full colour.
    """
    share = 0.0 if gain is None else gain / greatest
    return _mix(SAME, BETTER if share > 0 else WORSE, min(1.0, abs(share)))


def ink_on(ground: str) -> str:
    """Return the ink that stands out the most on a ground: near to black, or white (WCAG's contrast)."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in _channels(ground))
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # White has the luminance 1, the dark ink 0.011; the contrast is (lighter + 0.05) / (darker + 0.05).
    return "#1b1b1b" if (luminance + 0.05) / 0.061 > 1.05 / (luminance + 0.05) else "#ffffff"


def _mix(one: str, other: str, share: float) -> str:
    """Return the colour at a share of the way from one colour to another."""
    both = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in both)


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
