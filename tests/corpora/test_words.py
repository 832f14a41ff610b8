import re
import sys
from importlib.metadata import version

import pytest

from alignfreeze.corpora import words


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
    ],
)
def test_words_of_many_scripts(language, text, expected):
    assert list(words.find_splitter(language)(text)) == expected


def test_nothing_is_lost_but_spaces(shared_data):
    for path in sorted((shared_data / "tatoeba").glob("en-*.*")):
        split = words.find_splitter(path.suffix[1:])
        for line in path.read_text(encoding="utf-8").splitlines()[:100]:
            kept = "".join(split(line))
            visible = "".join(line.split())
            assert set(visible) - set(kept) <= set("\u200b\u200c\u200d\u200e\u200f\ufeff\xad"), (path.name, line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我在IBM工作。", ["我", "在", "IBM", "工", "作", "。"]),
        ("猫が 3匹", ["猫", "が", "3", "匹"]),
        ("ที่นี่", ["ที่", "นี่"]),
    ],
)
def test_characters_as_people_see_them(text, expected):
    assert list(words.split_characters(text)) == expected


INVISIBLE = "\u200b\u200e\u2060\ufeff\xad\x1f\x07\u3000\xa0 "


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "我喜欢猫"),
        ("ja", "猫が好きです"),
        ("th", "ฉันรักแมว"),
        ("km", "ខ្ញុំស្រលាញ់"),
        ("my", "မြန်မာစကား"),
        ("bo", "བོད་སྐད"),
        ("en", "cats"),
    ],
)
def test_what_cannot_be_seen_is_no_word(language, text):
    split = words.find_splitter(language)
    found = split(f"{INVISIBLE}{text}\u200b \u200b{text}{INVISIBLE}")
    assert found
    assert all(set(word) - set(INVISIBLE) for word in found)


def test_only_spaces_and_tabs_separate_words_that_are_split_already():
    assert words.split_on_spaces(" 10\xa0000\t猫\u3000犬  a\x1fb ") == ("10\xa0000", "猫\u3000犬", "a\x1fb")


def test_what_cannot_be_seen_is_no_character(without_libraries):
    assert words.split_characters(f"猫{INVISIBLE}犬") == ("猫", "犬")


@pytest.fixture
def without_libraries(monkeypatch):
    """No library that splits sentences without spaces is installed."""
    for module in ("jieba", "fugashi", "pythainlp", "icu4py", "icu4py.breakers"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(words, "_announced", set())
    words._find_segmenter.cache_clear()
    yield
    words._find_segmenter.cache_clear()


@pytest.mark.parametrize(
    ("language", "install"),
    [
        ("th", r"; for words install pythainlp: pip install 'alignfreeze\[th\]'"),
        ("ja", r"; for words install fugashi and unidic-lite: pip install 'alignfreeze\[ja\]'"),
        ("zh", r"; for words install jieba: pip install 'alignfreeze\[zh\]'"),
        ("zh-Hant", r"pip install 'alignfreeze\[zh\]'"),
        ("km", r"pip install 'alignfreeze\[icu\]'"),
        ("bo", "characters$"),
    ],
)
def test_the_character_fallback_says_once_what_to_install(without_libraries, remarks, language, install):
    for _ in range(3):
        assert words.find_splitter(language) is words.split_characters
    assert len(remarks) == 1
    assert "is written without spaces: its sentences are split into characters" in remarks[0]
    assert re.search(install, remarks[0])
    assert words.describe_splitter(language) == ["characters"]


def tatoeba(shared_data, language, n=50):
    return (shared_data / "tatoeba" / f"en-{language}.{language}").read_text(encoding="utf-8").splitlines()[:n]


def test_chinese_as_jieba_splits_it(shared_data):
    jieba = pytest.importorskip("jieba")
    split = words.find_splitter("zh")
    for line in tatoeba(shared_data, "zh"):
        assert split(line) == tuple(word for word in jieba.lcut(line) if word.strip())
    assert words.describe_splitter("zh") == [f"jieba {version('jieba')}"]


def test_japanese_as_fugashi_splits_it(shared_data):
    fugashi = pytest.importorskip("fugashi")
    tagger = fugashi.Tagger()  # finds unidic-lite by itself
    split = words.find_splitter("ja")
    for line in tatoeba(shared_data, "ja"):
        assert split(line) == tuple(str(word) for word in tagger(line))


def test_thai_as_pythainlp_splits_it(shared_data):
    pythainlp = pytest.importorskip("pythainlp")
    split = words.find_splitter("th")
    for line in tatoeba(shared_data, "th"):
        assert split(line) == tuple(word for word in pythainlp.word_tokenize(line) if word.strip())


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("km", "ខ្ញុំស្រលាញ់ភាសាខ្មែរ", ["ខ្ញុំ", "ស្រលាញ់", "ភាសាខ្មែរ"]),
        ("lo", "ຂ້ອຍຮັກພາສາລາວ", ["ຂ້ອຍ", "ຮັກ", "ພາສາ", "ລາວ"]),
        ("my", "မြန်မာစကား", ["မြန်မာ", "စကား"]),
    ],
)
def test_khmer_lao_and_burmese(language, text, expected):
    pytest.importorskip("icu4py")
    assert list(words.find_splitter(language)(text)) == expected


@pytest.mark.parametrize("language", ["ar", "hi", "ta"])
def test_scripts_with_spaces_are_split_at_spaces_and_punctuation(shared_data, language):
    split = words.find_splitter(language)
    for line in tatoeba(shared_data, language):
        assert "".join(split(line)) == "".join(line.split())
        assert len(split(line)) >= len(line.split())


@pytest.mark.parametrize("sign", ["\xad", "\u200b", "\u2060", "\ufeff", "\u200e", "\u2066", "\ufe0f"])
@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "well{}known books", ["wellknown", "books"]),
        ("ru", "боль{}шой дом", ["большой", "дом"]),
        ("zh", "我喜{}欢猫", ["我", "喜欢", "猫"]),
        ("ja", "猫が好き{}です", ["猫", "が", "好き", "です"]),
        ("bo", "བོད་སྐ{}ད", ["བོད", "་", "སྐད"]),
    ],
)
def test_what_cannot_be_seen_vanishes_before_words_are_found(language, text, expected, sign):
    split = words.find_splitter(language)
    assert split(text.format(sign)) == split(text.format(""))
    if language in {"en", "ru"}:
        assert split(text.format(sign)) == tuple(expected)
        assert words.split_on_spaces(text.format(sign)) == tuple(expected)


def test_words_that_are_split_already_keep_their_numbers():
    assert words.split_on_spaces("a \xad \x02 b\xadc") == ("a", "\xad", "\x02", "bc")


def test_zero_width_spaces_separate_words_of_south_east_asia():
    pytest.importorskip("icu4py")
    assert words.find_splitter("km")("ភាសា\u200bខ្មែរ") == ("ភាសា", "ខ្មែរ")
    assert words.find_splitter("km")("ភាសា\xadខ្មែរ") == words.find_splitter("km")("ភាសាខ្មែរ")


@pytest.mark.parametrize(
    ("language", "text"),
    [("ja", "今日は{}天気がいいので散歩します。"), ("zh", "我喜欢{}猫"), ("th", "ฉันรัก{}แมว"), ("en", "a{}b")],
)
def test_what_follows_a_zero_byte_is_kept(language, text):
    split = words.find_splitter(language)
    assert split(text.format("\0")) == split(text.format(" ")) == split(text.format("\x02"))
    assert "".join(split(text.format("\0"))) == text.format("")


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("ca", "Col·legi, l'il·lús · x", ["Col·legi", ",", "l'il·lús", "·", "x"]),
        ("he", 'צה״ל צה"ל "שלום" ג׳ורג׳', ["צה״ל", 'צה"ל', '"', "שלום", '"', "ג׳ורג׳"]),
        ("fi", "EU:n: 10:30 a:b", ["EU:n", ":", "10", ":", "30", "a:b"]),
        ("hy", "Ինչպե՞ս ես։", ["Ինչպե՞ս", "ես", "։"]),
        ("uz", "O‘zbek ‘tili’ bor", ["O‘zbek", "‘", "tili", "’", "bor"]),
    ],
)
def test_marks_that_belong_to_letters_stay_inside_words(language, text, expected):
    assert list(words.find_splitter(language)(text)) == expected


@pytest.mark.parametrize(
    ("code", "usual"), [("cmn", "zh"), ("zho", "zh"), ("cmn-Hant", "zh-Hant"), ("jpn", "ja"), ("tha", "th")]
)
def test_all_codes_of_a_language_split_alike(code, usual):
    text = {"zh": "我们喜欢读书。", "ja": "猫が好きです", "th": "ฉันรักแมว"}[usual[:2]]
    assert words.find_splitter(code)(text) == words.find_splitter(usual)(text)
    assert words.describe_splitter(code) == words.describe_splitter(usual)
