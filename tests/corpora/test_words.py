import pytest

from alignfreeze.corpora import words
from alignfreeze.progress import showing


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "en",
            "It's 3.5 well-known e-mails, isn't it?",
            ["It's", "3.5", "well-known", "e-mails", ",", "isn't", "it", "?"],
        ),
        ("fr", "L’été, «déjà»…", ["L’été", ",", "«", "déjà", "»", "…"]),
        ("ar", "هل تتكلم العربية؟", ["هل", "تتكلم", "العربية", "؟"]),
        ("hi", "मैं हिन्दी बोलता हूँ।", ["मैं", "हिन्दी", "बोलता", "हूँ", "।"]),
        ("ta", "நான் தமிழ் பேசுகிறேன்.", ["நான்", "தமிழ்", "பேசுகிறேன்", "."]),
        ("fa", "می\u200cروم", ["می\u200cروم"]),
        ("zh", "我在IBM工作。", ["我", "在", "IBM", "工", "作", "。"]),
        ("ja", "猫が 3匹", ["猫", "が", "3", "匹"]),
        ("th", "ที่นี่", ["ที่", "นี่"]),
    ],
)
def test_words_of_many_scripts(language, text, expected):
    assert list(words.word_splitter(language)(text)) == expected


def test_nothing_is_lost_but_spaces(shared_data):
    for path in sorted((shared_data / "tatoeba").glob("en-*.*")):
        split = words.word_splitter(path.suffix[1:])
        for line in path.read_text(encoding="utf-8").splitlines()[:100]:
            kept = "".join(split(line))
            visible = "".join(line.split())
            assert set(visible) - set(kept) <= set("\u200b\u200c\u200d\u200e\u200f\ufeff\xad"), (path.name, line)


class Remarks:
    def __init__(self):
        self.texts = []

    def remark(self, text):
        self.texts.append(text)


def test_the_character_fallback_says_so_once(monkeypatch):
    monkeypatch.setattr(words, "_announced", set())
    display = Remarks()
    with showing(display):
        for _ in range(3):
            words.word_splitter("th")
    assert display.texts == ["Thai is written without spaces: its sentences are split into characters"]
