"""Files of bitext for tests, as real tools write them."""

import json

from alignfreeze.corpora.bitext import BitextReader

EN_DE = ("en", "de")


def texts(source, target=None, **options):
    return list(BitextReader(source, target, languages=EN_DE, **options))


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)
    return path


TMX = """<?xml version="1.0" encoding="{encoding}"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4">
<header creationtool="OmegaT" segtype="sentence" adminlang="EN-US" srclang="EN-US" datatype="plaintext"/>
<body>
{units}
</body>
</tmx>
"""


def tmx(path, *units, encoding="utf-8"):
    return write(path, TMX.format(encoding=encoding, units="\n".join(units)), encoding)


def unit(*sides):
    variants = [f'<tuv xml:lang="{tag}"><seg>{text}</seg></tuv>' for tag, text in sides]
    return f"<tu>{''.join(variants)}</tu>"


PO = r"""
msgid ""
msgstr ""
"Language: de\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#: main.c:1
msgid "Save the file"
msgstr "Datei speichern"

#, fuzzy
msgid "Open"
msgstr "Schließen"

msgid "Not done"
msgstr ""

#, c-format
msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d Datei"
msgstr[1] "%d Dateien"

msgctxt "menu"
msgid ""
"Two\n"
"lines"
msgstr "Zwei\nZeilen"

#~ msgid "Old"
#~ msgstr "Alt"
"""


def in_form(form, pairs):
    """Return the text of a file of a form that holds these pairs."""
    return {
        "tsv": "".join(f"{one}\t{other}\n" for one, other in pairs),
        "jsonl": "".join(json.dumps({"en": one, "de": other}) + "\n" for one, other in pairs),
        "tmx": TMX.format(encoding="utf-8", units="\n".join(unit(("en", one), ("de", other)) for one, other in pairs)),
        "po": "".join(f'msgid "{one}"\nmsgstr "{other}"\n\n' for one, other in pairs),
    }[form]
