"""Colours, which have the same meaning on all pages, charts and pictures."""

from __future__ import annotations

from alignfreeze.running.verdicts import Judgement

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""The colours of strategies, which colour-blind people can distinguish too (Okabe and Ito 2008)."""

GREY = "#7f7f7f"
"""The colour of the baseline, which is visible on a light and on a dark background."""

WORSE, SAME, BETTER = "#b35806", "#ffffff", "#2166ac"
"""Orange and blue. Colour-blind people can distinguish these, and in print both differ from white."""

UNSURE = "#e4e4e4"
"""The grey of a gain of which nothing can be told yet."""

_SURE = 3.0
"""A gain that is this many times as large as half its interval has the full colour."""

_LEAST = 0.3
"""The share of the full colour that a gain has whose interval just excludes zero."""


def ground_of(judged: Judgement | None) -> str:
    """Return the colour of a verdict. The surer it is that a strategy helps or hurts, the stronger is the colour."""
    if judged is None or judged.interval is None or judged.verdict == "cannot tell":
        return UNSURE
    if judged.verdict == "no difference":
        return SAME
    half = (judged.interval[1] - judged.interval[0]) / 2
    share = 1.0 if half == 0 else min(1.0, (abs(judged.gain) / half - 1) / (_SURE - 1))
    return _mix(SAME, BETTER if judged.verdict == "helps" else WORSE, _LEAST + (1 - _LEAST) * max(0.0, share))


def ink_on(ground: str) -> str:
    """Return the text colour with the greatest contrast to a background: nearly black, or white (WCAG)."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in _channels(ground))
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # White has the luminance 1, the dark ink 0.011; the contrast is (lighter + 0.05) / (darker + 0.05).
    return "#1b1b1b" if (luminance + 0.05) / 0.061 > 1.05 / (luminance + 0.05) else "#ffffff"


def _mix(one: str, other: str, share: float) -> str:
    """Mix two colours; a share of 0 returns the first, a share of 1 the second."""
    both = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in both)


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
