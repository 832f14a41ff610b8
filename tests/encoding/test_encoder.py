import pytest
import torch
from huggingface_hub.constants import HF_HUB_CACHE
from transformers import AutoModel, BertConfig, CanineConfig, CanineModel, CanineTokenizer, XLMRobertaConfig

from alignfreeze.encoding.devices import check_device
from alignfreeze.encoding.encoder import (
    digest_of_encoder,
    load_encoder,
    most_subwords,
)
from alignfreeze.errors import EncoderError, SettingsError


@pytest.mark.parametrize(("family", "most"), [(BertConfig, 40), (XLMRobertaConfig, 38)])
def test_the_most_subwords_are_what_the_positions_allow(family, most, tiny_encoder):
    """XLM-R's positions begin behind the padding's number, 1: of 40 rows 38 are left."""
    config = family(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        vocab_size=20,
        max_position_embeddings=40,
    )
    model = AutoModel.from_config(config).eval()
    assert most_subwords(model, tiny_encoder.tokenizer) == most
    model(torch.full((1, most), 5))
    with pytest.raises((RuntimeError, IndexError)):
        model(torch.full((1, most + 1), 5))


def test_a_saved_encoder_is_loaded_again(tiny_encoder, tmp_path):
    tiny_encoder.save(tmp_path / "saved")
    again = load_encoder(str(tmp_path / "saved"))
    assert (tmp_path / "saved" / "model.safetensors").exists()
    for name, value in tiny_encoder.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])


def test_what_a_checkpoint_lacks_is_the_same_each_time(tiny_folder, tmp_path, tiny_encoder):
    from safetensors.torch import save_file

    tiny_encoder.save(tmp_path)
    weights = {n: v for n, v in tiny_encoder.model.state_dict().items() if "pooler" not in n}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    torch.manual_seed(1)
    first = load_encoder(str(tmp_path)).model.pooler.dense.weight
    torch.manual_seed(2)
    assert torch.equal(first, load_encoder(str(tmp_path)).model.pooler.dense.weight)
    assert torch.initial_seed() == 2


def test_loading_leaves_the_random_state_alone(tiny_folder):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_encoder(str(tiny_folder))
    assert torch.equal(torch.rand(3), expected)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(EncoderError, match="holds no model"):
        load_encoder(str(tmp_path))


def test_a_file_is_no_encoder(tmp_path):
    path = tmp_path / "model.bin"
    path.touch()
    with pytest.raises(EncoderError, match="this is a file"):
        load_encoder(str(path))


def test_pickled_weights_are_not_loaded(tiny_encoder, tmp_path):
    tiny_encoder.save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(tiny_encoder.model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(str(tmp_path))


def test_a_broken_config(tiny_encoder, tmp_path):
    tiny_encoder.save(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(str(tmp_path))


def test_an_unknown_embedded_encoder():
    with pytest.raises(
        EncoderError, match="unknown embedded encoder 'embedded:e5-big'; the only one is 'embedded:e5-small'"
    ):
        load_encoder("embedded:e5-big")


def test_a_hub_name_that_cannot_be_reached(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderError, match="'nobody/nothing' cannot be loaded as an encoder") as error:
        load_encoder("nobody/nothing")
    for advice in (
        "HF_HUB_OFFLINE is set, and there is no earlier download",
        HF_HUB_CACHE,
        "embedded:e5-small",
        "a folder with config.json",
    ):
        assert advice in str(error.value)


def test_a_tokenizer_without_a_fast_version(tmp_path):
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    CanineModel(CanineConfig(**shape, num_hash_buckets=50, max_position_embeddings=128)).save_pretrained(tmp_path)
    CanineTokenizer().save_pretrained(tmp_path)
    with pytest.raises(EncoderError, match="has no fast version, which is needed to find words in subwords"):
        load_encoder(str(tmp_path))


def broken(tiny_encoder, folder, change):
    """Save the encoder, damage its weights, and say what loading it says."""
    from safetensors.torch import load_file, save_file

    tiny_encoder.save(folder)
    weights = folder / "model.safetensors"
    save_file(change(load_file(weights)), weights, metadata={"format": "pt"})
    with pytest.raises(EncoderError) as error:
        load_encoder(str(folder))
    return str(error.value)


def test_missing_weights_are_not_made_up(tiny_encoder, tmp_path):
    message = broken(tiny_encoder, tmp_path, lambda w: {n: v for n, v in w.items() if "layer.3" not in n})
    assert "lacks 16 of its weights, such as encoder.layer.3" in message


def test_weights_of_another_shape(tiny_encoder, tmp_path):
    message = broken(tiny_encoder, tmp_path, lambda w: {n: v[..., :3].contiguous() for n, v in w.items()})
    assert "cannot be loaded as an encoder" in message


def test_weights_that_are_a_pointer_to_weights(tiny_encoder, tmp_path):
    tiny_encoder.save(tmp_path)
    (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(EncoderError, match="cannot be loaded as an encoder"):
        load_encoder(str(tmp_path))


def test_a_folder_without_tokenizer_files(tiny_encoder, tmp_path):
    tiny_encoder.model.save_pretrained(tmp_path)
    with pytest.raises(EncoderError, match="tokenizer"):
        load_encoder(str(tmp_path))


def test_an_unknown_family_is_said(tmp_path, tiny_encoder, remarks):
    from transformers import ElectraConfig, ElectraModel

    tiny_encoder.save(tmp_path)
    size = len(tiny_encoder.tokenizer)
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    ElectraModel(ElectraConfig(vocab_size=size, embedding_size=8, **sizes)).save_pretrained(tmp_path)
    load_encoder(str(tmp_path))
    (said,) = remarks
    assert "the family 'electra' is not known by name; found 3 layers in 'encoder.layer', embeddings in" in said


def test_an_unknown_home_folder():
    with pytest.raises(EncoderError, match="cannot be loaded as an encoder"):
        load_encoder("~nobody-of-this-name/encoder")


def test_the_digest_follows_the_weights(tiny_encoder, tmp_path):
    tiny_encoder.save(tmp_path)
    before = digest_of_encoder(str(tmp_path))
    assert digest_of_encoder(str(tmp_path)) == before
    tiny_encoder.model.embeddings.LayerNorm.bias.data += 1
    tiny_encoder.save(tmp_path)
    assert digest_of_encoder(str(tmp_path)) != before


def test_devices():
    assert check_device("cpu") == "cpu"
    assert check_device("auto") in {"cpu", "cuda", "mps"}
    with pytest.raises(SettingsError, match="unknown device 'gpu'"):
        check_device("gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there():
    with pytest.raises(SettingsError, match="has no device 'cuda'"):
        check_device("cuda")
