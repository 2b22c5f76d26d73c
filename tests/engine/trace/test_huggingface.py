"""`hf:DIR`: real transformers models, saved and loaded again; nothing of the directory is run, unpickled or fetched."""

from __future__ import annotations

import json
import pickle
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import geta_engine as ge
from geta_engine.cli import output
from geta_engine.cli.app import commands
from geta_engine.errors import InputError

transformers = pytest.importorskip("transformers")

TEXT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 60,
    "max_position_embeddings": 24,
}
IMAGE = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 16,
    "patch_size": 8,
}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
CONFIGS: dict[str, Any] = {
    "BertForSequenceClassification": lambda: transformers.BertConfig(**TEXT, num_labels=3),
    "LlamaForCausalLM": lambda: transformers.LlamaConfig(**TEXT, num_key_value_heads=1),
    "MixtralForCausalLM": lambda: transformers.MixtralConfig(**TEXT, num_key_value_heads=1, num_local_experts=3),
    "T5ForConditionalGeneration": lambda: transformers.T5Config(
        d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, vocab_size=60
    ),
    "ViTForImageClassification": lambda: transformers.ViTConfig(**IMAGE, num_channels=1),
    "CLIPModel": lambda: transformers.CLIPConfig(text_config=TEXT, vision_config=IMAGE, projection_dim=8),
    "WhisperForConditionalGeneration": lambda: transformers.WhisperConfig(
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        vocab_size=60,
        max_source_positions=20,
        max_target_positions=20,
        num_mel_bins=8,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        **SPECIAL,
    ),
    "Wav2Vec2ForCTC": lambda: transformers.Wav2Vec2Config(
        **{key: value for key, value in TEXT.items() if key != "max_position_embeddings"},
        conv_dim=[8] * 7,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    ),
}
INPUTS = {
    "BertForSequenceClassification": {"input_ids": (2, 16), "attention_mask": (2, 16)},
    "LlamaForCausalLM": {"input_ids": (2, 16), "attention_mask": (2, 16)},
    "MixtralForCausalLM": {"input_ids": (2, 16), "attention_mask": (2, 16)},
    "T5ForConditionalGeneration": {"input_ids": (2, 16), "attention_mask": (2, 16), "decoder_input_ids": (2, 16)},
    "ViTForImageClassification": {"pixel_values": (2, 1, 16, 16)},
    "CLIPModel": {"input_ids": (2, 16), "pixel_values": (2, 3, 16, 16), "attention_mask": (2, 16)},
    "WhisperForConditionalGeneration": {"input_features": (2, 8, 40), "decoder_input_ids": (2, 16)},
    "Wav2Vec2ForCTC": {"input_values": (2, 4000)},
}


def saved(folder: Path, name: str, **options: Any) -> Any:
    """A small model in eval mode, and its directory at `folder` as save_pretrained writes it."""
    torch.manual_seed(0)
    model = getattr(transformers, name)(CONFIGS[name]()).eval()
    model.save_pretrained(folder, **options)
    return model


def config_only(folder: Path, name: str, **changes: Any) -> Path:
    """Just a config.json, with `changes` over it."""
    folder.mkdir(exist_ok=True)
    settings = {**CONFIGS[name]().to_dict(), "architectures": [name], **changes}
    (folder / "config.json").write_text(json.dumps(settings, default=str))
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_program_is_the_model_with_its_own_names(tmp_path: Path, name: str) -> None:
    model = saved(tmp_path / "m", name)
    traced = ge.load(f"hf:{tmp_path}/m")
    names = traced.program.graph_signature.user_inputs
    assert {key: tuple(x.shape) for key, x in zip(names, traced.example_args)} == INPUTS[name]
    assert traced.name == "m" and not traced.example_kwargs
    with torch.no_grad():
        expected = model(**dict(zip(names, traced.example_args)))
        given = traced(*traced.example_args)
    if isinstance(given, torch.Tensor):
        given = {"logits": given}
    assert given and all(isinstance(value, torch.Tensor) for value in given.values())
    for key, value in given.items():
        torch.testing.assert_close(value, expected[key], rtol=1e-4, atol=1e-5)
    module = traced.graph_module()
    assert {n for n, _ in module.named_parameters()} == {n for n, _ in model.named_parameters()}
    assert all(p.dtype == torch.float32 for p in module.parameters())


def test_any_batch_and_a_file_of_plain_operators(tmp_path: Path) -> None:
    model = saved(tmp_path / "m", "MixtralForCausalLM")
    ge.load(f"hf:{tmp_path}/m").save(tmp_path / "m.pt2")
    again = ge.load(str(tmp_path / "m.pt2"))
    ids = torch.randint(1, 60, (5, 16))
    with torch.no_grad():
        expected = model(ids, attention_mask=torch.ones_like(ids)).logits
        torch.testing.assert_close(again(ids, torch.ones_like(ids)), expected, rtol=1e-4, atol=1e-5)


def test_shards_half_precision_and_one_file_of_another_name(tmp_path: Path) -> None:
    model = saved(tmp_path / "shards", "ViTForImageClassification", max_shard_size="4KB")
    assert len(list((tmp_path / "shards").glob("model-*.safetensors"))) > 2
    x = torch.randn(3, 1, 16, 16)
    torch.testing.assert_close(ge.load(f"hf:{tmp_path}/shards")(x), model(x).logits)
    model.half().save_pretrained(tmp_path / "half")
    (tmp_path / "half" / "model.safetensors").rename(tmp_path / "half" / "weights.safetensors")
    torch.testing.assert_close(ge.load(f"hf:{tmp_path}/half")(x), model.float()(x).logits)


def test_the_base_model_where_no_architecture_is_named_and_a_shape_of_ones_own(tmp_path: Path) -> None:
    config_only(tmp_path, "T5ForConditionalGeneration", architectures=None)
    traced = ge.load(f"hf:{tmp_path}", "3,7", meta=True)
    assert [tuple(x.shape) for x in traced.example_args] == [(3, 7), (3, 7), (3, 16)]
    assert "lm_head.weight" not in traced.program.state_dict
    assert "encoder.block.0.layer.0.SelfAttention.q.weight" in traced.program.state_dict


def test_text_and_image_in_one_sequence(tmp_path: Path) -> None:
    text, image = transformers.LlamaConfig(**TEXT), transformers.CLIPVisionConfig(**IMAGE)
    config = transformers.LlavaConfig(text_config=text, vision_config=image, image_token_index=59)
    transformers.LlavaForConditionalGeneration(config).save_pretrained(tmp_path)
    traced = ge.load(f"hf:{tmp_path}")
    ids = traced.example_args[0]
    assert ids.shape == (2, 4 + 16) and int((ids == 59).sum()) == 2 * 4  # 4 patches of 8 x 8 in 16 x 16


@pytest.mark.parametrize("name", ["BertForSequenceClassification", "Wav2Vec2ForCTC", "MixtralForCausalLM"])
def test_meta_needs_only_the_config(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config_only(tmp_path / "m", name)
    traced = ge.load(f"hf:{tmp_path}/m", meta=True)
    assert traced.program.state_dict and all(value.is_meta for value in traced.program.state_dict.values())
    assert all(x.is_meta for x in traced.example_args)
    monkeypatch.chdir(tmp_path)
    assert output.main(commands, ["analyze", "hf:m", "--meta", "--json", "out.json"]) == 0
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["prunable_units"] > 0 and report["model"]["params"] == sum(
        value.numel() for value in traced.program.parameters()
    )


class Evil:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_nothing_of_the_directory_is_run_or_unpickled(tmp_path: Path) -> None:
    folder, mark = tmp_path / "m", tmp_path / "mark"
    model = saved(folder, "ViTForImageClassification")
    evil = pickle.dumps(Evil(mark))
    for name in ("pytorch_model.bin", ".metadata", "adapter_model.bin", "training_args.bin"):
        (folder / name).write_bytes(evil)
    (folder / "modeling.py").write_text(f"open({str(mark)!r}, 'w')\nclass Net: pass\n")
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "someone/else"}))
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"auto_map": {"AutoConfig": "modeling.Net", "AutoModel": "modeling.Net"}, "return_dict": False}
    settings |= {"transformers_weights": "adapter_model.bin", "attn_implementation": "someone/kernel"}
    settings |= {"_attn_implementation": "someone/kernel", "output_hidden_states": True, "dtype": "float16"}
    (folder / "config.json").write_text(json.dumps(settings))
    x = torch.randn(2, 1, 16, 16)
    torch.testing.assert_close(ge.load(f"hf:{folder}", allow_code=False)(x), model(x).logits)
    assert not mark.exists()


def refused(spec: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        ge.load(spec, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 600
    return sentence


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "has no config.json"),
        ("{", "that is not JSON"),
        ("[1]", "no JSON object"),
        ('{"model_type": "bert", "quantization_config": {"quant_method": "gptq"}}', "quantized already"),
        ('{"architectures": ["NetForAll"], "model_type": "net", "auto_map": {}}', "NetForAll"),
        ('{"architectures": ["AutoModel"]}', "no code of the directory is run"),
        ('{"model_type": "net"}', "model_type 'net'"),
        ("{}", "no code of the directory is run"),
        ('{"architectures": ["BertModel"], "model_type": "vit"}', "do not belong together"),
        ('{"architectures": ["BertModel"], "model_type": "bert", "hidden_size": 7}', "cannot be made a BertModel"),
        ('{"architectures": ["BertModel"], "model_type": "bert", "hidden_size": "a"}', "cannot be made a BertModel"),
        ('{"architectures": ["OneFormerModel"], "model_type": "oneformer"}', ""),
        ('{"architectures": ["Qwen2_5_VisionTransformerPretrainedModel"]}', "which config.json does not describe"),
    ],
)
def test_a_config_that_cannot_be_used(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    assert said in refused(f"hf:{tmp_path}", meta=True)


def test_a_directory_that_is_not_there_and_a_library_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nothing is downloaded" in refused("hf:google/bert")
    config_only(tmp_path, "BertForSequenceClassification")
    assert "give --input once" in refused(f"hf:{tmp_path}", input=["2,3", "2,3"], meta=True)
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert "pip install 'geta-studio[hf]'" in refused(f"hf:{tmp_path}")
    assert output.main(commands, ["analyze", f"hf:{tmp_path}"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_weights_that_cannot_be_used(tmp_path: Path) -> None:
    folder = config_only(tmp_path / "m", "ViTForImageClassification")
    spec, weights = f"hf:{folder}", folder / "model.safetensors"
    assert "has no safetensors" in refused(spec)
    (folder / "pytorch_model.bin").write_bytes(b"x")
    assert "only pickled weights (pytorch_model.bin), which are never opened" in refused(spec)
    weights.write_bytes(b"not safetensors at all")
    assert "cannot be made a ViTForImageClassification" in refused(spec)
    saved(folder, "ViTForImageClassification")
    config_only(folder, "ViTForImageClassification", num_channels=3, num_hidden_layers=2)
    sentence = refused(spec)
    assert "patch_embeddings.projection.weight is [16, 1, 8, 8] and should be [16, 3, 8, 8]" in sentence
    assert "layers.1." in sentence and "is missing" in sentence and "more)" in sentence
    weights.rename(folder / "a.safetensors")
    saved(tmp_path / "other", "ViTForImageClassification")
    (tmp_path / "other" / "model.safetensors").rename(folder / "b.safetensors")
    assert "2 safetensors files and no model.safetensors.index.json" in refused(spec)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("{", "without a usable weight_map"),
        ('{"weight_map": {"a": "../m.safetensors"}}', "only safetensors beside it"),
        ('{"weight_map": {"a": "pytorch_model.bin"}}', "only safetensors beside it"),
        ('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}', "lacks model-00001-of-00002.safetensors"),
    ],
)
def test_a_broken_index(tmp_path: Path, index: str, said: str) -> None:
    config_only(tmp_path, "ViTForImageClassification")
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert said in refused(f"hf:{tmp_path}")


def test_what_cannot_be_traced_says_what_it_was_given(tmp_path: Path) -> None:
    config = transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=60, bos_token_id=1, eos_token_id=2)
    config.architectures = ["GPT2ForSequenceClassification"]
    config.save_pretrained(tmp_path)
    sentence = refused(f"hf:{tmp_path}", meta=True)
    assert "input_ids [2, 16]" in sentence and "file.py:factory" in sentence and "padding token" in sentence
