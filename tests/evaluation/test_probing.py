import pytest

from alignfreeze.errors import SettingsError
from alignfreeze.evaluation.probing import shorten


def test_names_of_encoders_are_as_short_as_tells_them_apart():
    assert shorten(["xlm-roberta-base", "out/realigned"]) == ["xlm-roberta-base", "realigned"]
    assert shorten(["a/front/model", "a/back/model"]) == ["front/model", "back/model"]
    with pytest.raises(SettingsError, match="named twice"):
        shorten(["a/model", "a/model"])
