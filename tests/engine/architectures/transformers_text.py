"""Rows of real `transformers` architectures over tokens and audio: small configs, random weights, nothing downloaded.

No two dims of a model are equal by accident: width 60, 6 heads of 10 (3 key and value heads where they are grouped),
MLP 88 (104 in decoders that have their own), vocabulary 97, 9 tokens (7 to a decoder), batch 2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .row import Architecture, Built

VOCABULARY, TOKENS, SAMPLES, LABELS = 97, 9, 400, 5

SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 60,
    "intermediate_size": 88,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "max_position_embeddings": 31,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
"""Names that every config understands; `intermediate_size` is given again where a config calls it differently."""

ENCODER_DECODER: dict[str, Any] = {
    "decoder_layers": 2,
    "decoder_attention_heads": 6,
    "encoder_ffn_dim": 88,
    "decoder_ffn_dim": 104,
    "decoder_start_token_id": 1,
}


class Outputs(nn.Module):
    """A model reduced to its logits: the encoder's last state, were it an output, would pin all of the encoder."""

    def __init__(self, model: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: Tensor) -> Tensor:
        logits: Tensor = self.model(**dict(zip(self.names, inputs)), use_cache=False).logits
        return logits


def _model(kind: str, head: str, attention: str, options: dict[str, Any]) -> nn.Module:
    import transformers

    config = transformers.AutoConfig.for_model(kind, **{**SIZES, **options})
    torch.manual_seed(0)
    model: nn.Module = getattr(transformers, f"AutoModelFor{head}").from_config(config, attn_implementation=attention)
    return model.eval()


def _ids(length: int = TOKENS) -> Tensor:
    return torch.randint(3, VOCABULARY, (2, length))


def _mask(length: int = TOKENS, padding: int = 3) -> Tensor:
    """The second row ends in `padding` zeros."""
    return torch.tensor([[1] * length, [1] * (length - padding) + [0] * padding])


def _encoder(
    kind: str, head: str, attention: str, masked: bool = True, segments: bool = False, **options: Any
) -> Built:
    """An encoder with a head, called by keywords."""
    labels = {} if head in ("QuestionAnswering", "MaskedLM") else {"num_labels": LABELS}
    model = _model(kind, head, attention, {**labels, **options})
    inputs = {"input_ids": _ids()}
    if masked:
        inputs["attention_mask"] = _mask()
    if segments:
        inputs["token_type_ids"] = 1 - _mask(padding=4)
    return model, (), inputs


def _decoder(kind: str, attention: str, masked: bool = False, **options: Any) -> Built:
    """A causal language model."""
    model = _model(kind, "CausalLM", attention, {"use_cache": False, **options})
    return model, (_ids(),), {"attention_mask": _mask()} if masked else {}


def _encoder_decoder(kind: str, attention: str, masked: bool = False, **options: Any) -> Built:
    model = _model(kind, "Seq2SeqLM", attention, {**ENCODER_DECODER, **options})
    inputs = {"input_ids": _ids(), "decoder_input_ids": _ids(7)}
    if masked:
        inputs |= {"attention_mask": _mask(), "decoder_attention_mask": _mask(7)}
    return Outputs(model, tuple(inputs)).eval(), tuple(inputs.values()), {}


def _whisper(attention: str) -> Built:
    sizes = {"num_mel_bins": 20, "max_source_positions": 11, "max_target_positions": 23}
    model = _model("whisper", "SpeechSeq2Seq", attention, {**ENCODER_DECODER, **sizes})
    features = torch.randn(2, 20, 22)
    inputs = {"input_features": features, "decoder_input_ids": _ids(7), "decoder_attention_mask": _mask(7)}
    return Outputs(model, tuple(inputs)).eval(), tuple(inputs.values()), {}


def _wav2vec2(head: str, attention: str, masked: bool = False, **options: Any) -> Built:
    """400 samples become 19 frames."""
    convolutions = {"conv_dim": (24, 28, 32), "conv_kernel": (10, 3, 2), "conv_stride": (5, 2, 2)}
    positions = {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4}
    sizes = {**convolutions, **positions, "classifier_proj_size": 44, "num_labels": LABELS}
    model = _model("wav2vec2", head, attention, {**sizes, **options})
    inputs = {"input_values": torch.randn(2, SAMPLES)}
    if masked:
        inputs["attention_mask"] = _mask(SAMPLES, padding=90)
    return model, (), inputs


_bert = partial(_encoder, "bert")
_deberta = partial(
    _encoder,
    "deberta-v2",
    relative_attention=True,
    pos_att_type=["c2p", "p2c"],
    position_buckets=4,
    max_relative_positions=13,
    norm_rel_ebd="layer_norm",
    position_biased_input=False,
)
_t5 = partial(
    _encoder_decoder,
    "t5",
    d_kv=7,
    d_ff=88,
    num_decoder_layers=2,
    relative_attention_num_buckets=8,
    relative_attention_max_distance=11,
    decoder_start_token_id=0,
)
_bart = partial(_encoder_decoder, "bart")
_grouped = partial(_decoder, num_key_value_heads=3)
_llama = partial(_grouped, "llama")
_mixtral = partial(_grouped, "mixtral", num_local_experts=4, num_experts_per_tok=2)
_falcon = partial(_decoder, "falcon", ffn_hidden_size=88)
_mamba2 = partial(_decoder, "mamba2", hidden_size=36, num_heads=6, head_dim=12, state_size=10, n_groups=3, chunk_size=4)


def _rope(fraction: float) -> dict[str, Any]:
    """Rotary positions over a fraction of each head."""
    return {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": fraction}


def _row(
    name: str, build: Callable[..., Built], *args: Any, fast: bool = False, error: str | None = None, **options: Any
) -> Architecture:
    return Architecture(name, partial(build, *args, **options), fast=fast, error=error)


ROWS: tuple[Architecture, ...] = (
    _row("bert_qa_eager", _bert, "QuestionAnswering", "eager", segments=True),
    _row("bert_qa_sdpa", _bert, "QuestionAnswering", "sdpa", fast=True),
    _row("bert_classify_eager", _bert, "SequenceClassification", "eager"),
    _row("bert_classify_sdpa", _bert, "SequenceClassification", "sdpa", masked=False),
    _row("roberta", _encoder, "roberta", "SequenceClassification", "sdpa"),
    _row("roberta_lm", _encoder, "roberta", "MaskedLM", "eager"),
    _row("distilbert", _encoder, "distilbert", "SequenceClassification", "eager", hidden_dim=88),
    _row("deberta_v2", _deberta, "SequenceClassification", "eager"),
    _row("deberta_v2_shared_key", _deberta, "QuestionAnswering", "eager", masked=False, share_att_key=True),
    _row("electra", _encoder, "electra", "TokenClassification", "sdpa", embedding_size=40),
    _row("albert", _encoder, "albert", "SequenceClassification", "eager", embedding_size=40),
    _row("whisper_eager", _whisper, "eager"),
    _row("whisper_sdpa", _whisper, "sdpa"),
    _row("wav2vec2_group", _wav2vec2, "AudioClassification", "sdpa"),
    _row("wav2vec2_group_masked", _wav2vec2, "AudioClassification", "eager", masked=True),
    _row(
        "wav2vec2_layer",
        _wav2vec2,
        "CTC",
        "eager",
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        conv_bias=True,
    ),
    _row("t5", _t5, "eager", fast=True),
    _row("t5_gated", _t5, "sdpa", masked=True, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    _row("bart_eager", _bart, "eager", masked=True),
    _row("bart_sdpa", _bart, "sdpa"),
    _row("gpt2_eager", _decoder, "gpt2", "eager", n_inner=88, fast=True),
    _row("gpt2_sdpa", _decoder, "gpt2", "sdpa", masked=True, n_inner=88),
    _row("gpt_neox", _decoder, "gpt_neox", "sdpa", rope_parameters=_rope(0.4)),
    _row("opt", _decoder, "opt", "sdpa", masked=True, ffn_dim=88),
    _row("bloom", _decoder, "bloom", "eager", masked=True, hidden_size=42),
    _row("falcon_alibi", _falcon, "eager", alibi=True, multi_query=False, parallel_attn=False, bias=True),
    _row("falcon_mqa", _falcon, "sdpa"),
    _row("falcon_gqa", _falcon, "eager", new_decoder_architecture=True, num_kv_heads=3),
    _row("llama_gqa_eager", _llama, "eager", masked=True),
    _row("llama_gqa_sdpa", _llama, "sdpa", fast=True),
    _row("llama_gqa_sdpa_masked", _llama, "sdpa", masked=True),
    _row("llama_mqa", _decoder, "llama", "sdpa", num_key_value_heads=1),
    _row("mistral", _grouped, "mistral", "eager", sliding_window=5),
    _row("qwen2", _grouped, "qwen2", "sdpa", tie_word_embeddings=True),
    _row("qwen3", _grouped, "qwen3", "eager", head_dim=14),
    _row("phi", _decoder, "phi", "sdpa", rope_parameters=_rope(0.4)),
    _row("phi3", _grouped, "phi3", "eager"),
    _row("gemma2", _grouped, "gemma2", "eager", head_dim=14, sliding_window=5),
    _row("gemma3", _grouped, "gemma3_text", "sdpa", head_dim=14, sliding_window=5, sliding_window_pattern=2),
    _row("mixtral_batched", _mixtral, "sdpa", experts_implementation="batched_mm"),
    _row("mixtral_grouped", _mixtral, "eager", experts_implementation="grouped_mm"),
    _row(
        "mixtral_loop",
        _mixtral,
        "sdpa",
        experts_implementation="eager",
        error="Could not guard on data-dependent expression Eq(u0, 0) (unhinted: Eq(u0, 0)).  (Size-like symbols: u0)",
    ),
    _row("mamba2", _mamba2, "eager"),
)
