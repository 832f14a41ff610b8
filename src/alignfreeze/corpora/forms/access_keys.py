"""Marks of access keys in the texts of programs: `_File`, `&File`, `E_xit`, `文件(_F)`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from alignfreeze.corpora.forms.form import Texts

MARKS = "&_~"

_BEFORE = r"(?<![^\s(\[{\"'«„“‘¿¡>])"
_NO_KEY = re.compile(r"[A-Z]&[A-Z]|=|://")
"""What words hold that are an abbreviation (R&D), an attribute or an address."""


@dataclass
class KeyRemover:
    """Leaves marks of access keys out of pairs of texts.

    A mark is removed if it stands once on either side, and at the start of a word or as `(_F)` on one of them at least.
    A word that is the same on both sides, such as a name in a program, keeps its mark, except at the start of both
    texts and before a capital. So the signs of `r&d`, `max_size` and `AT&T` stay.

    Attributes:
        declared: The mark that the catalogue declares. It may stand inside words on both sides.
        removed: The number of pairs from which a mark was removed.
        doubtful: The first pair with a mark inside words of both sides, which stays because it may be ordinary text.
    """

    declared: str = ""
    removed: int = 0
    doubtful: Texts | None = field(default=None, init=False)

    def remove(self, pair: Texts) -> Texts:
        """Return the texts without the mark of their access key: `E_xit` is `Exit`."""
        for mark in self.declared or MARKS:
            if mark not in pair[0] or mark not in pair[1]:
                continue
            key = _key_of(mark)
            found = [list(key.finditer(text)) for text in pair]
            if not len(found[0]) == len(found[1]) == 1 or self._is_text(pair, mark):
                continue
            if not (self.declared or any(match["start"] or match["last"] for (match,) in found)):
                self.doubtful = self.doubtful or pair
                continue
            self.removed += 1
            return key.sub("", pair[0]), key.sub("", pair[1])
        return pair

    def _is_text(self, pair: Texts, mark: str) -> bool:
        """Tell whether the words around a mark are names or abbreviations."""
        words = [{word for word in text.split() if mark in word} for text in pair]
        if any(map(_NO_KEY.search, words[0] | words[1])):
            return True
        return bool(words[0] & words[1]) and not all(re.match(rf"{mark}[^\W\d_a-z][a-z]", text) for text in pair)


def _key_of(mark: str) -> re.Pattern[str]:
    last = rf"\s?[(（]{mark}\w[)）]"
    # Not the second of two signs, which stand for one sign, and not an escape such as &lt;
    return re.compile(rf"(?P<last>{last})|(?P<start>{_BEFORE}{mark})?(?(start)|(?<!{mark}){mark})(?!\w+;)(?=[^\W\d_])")
