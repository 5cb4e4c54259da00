"""Compares our count of parameters, cache and matmul FLOP with transformers' models, built without weights.

python scripts/check_models.py config.json FOLDER ...     counts these; needs transformers and torch
python scripts/check_models.py --build-only --litgpt --aiconfigurator     only reads and builds; needs those packages

Attention is counted there over the full square, and at most one prompt of 512 tokens within every window.
"""

import argparse
import importlib
import importlib.util
import json
import re
import runpy
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from life_jax.config.build import bits
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.families.base import Family
from life_jax.config.checkpoints.families.index import FAMILIES, SAME
from life_jax.config.checkpoints.huggingface import text_model, translate
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.files import PrecisionFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.core.scenario import Architecture
from life_jax.core.schedule import Step
from life_jax.models import decoder, stacks

TOKENS = 512
HEADED = ("TextLMHeadModel", "LMHeadModel")  # endings of a text model's class that has a head
TOLERANCE = 1e-4
LATENT = ("mla", "mla_sparse", "mla_sparse_reused")
INDEXED = ("compressed", "block_sparse")
RECURRENT = (
    "mamba1",
    "mamba2",
    "gated_delta",
    "full_mamba2",
    "kda",
    "lightning",
    "mlstm",
    "rg_lru",
    "shared_mamba1",
    "shared_mamba2",
    "compressed",
)
TOWERS = re.compile(r"image_embed|audio_embed|vision_model|vision_tower|audio_tower|image_encoder")  # not counted here
# transformers knows some model types under another name
TYPES = {
    "step3p7": "step3p5",
    "minimax_m3_vl": "minimax_m3_vl_text",
    "minimax_m3": "minimax_m3_vl_text",
    "deepseek_ref": "deepseek_v4",
    "kimi_k2": "deepseek_v3",
    "qwen3_vl_text": "qwen3",
    "qwen3_vl_moe_text": "qwen3_moe",
}

# what every checkpoint says and a class leaves open: it changes no count of parameters
CHOSEN_EXPERTS = 6


def built(config: Mapping[str, Any], name: str) -> Architecture:
    return architecture(check(translate(config, name), ModelFile, f"model.{name}"), f"model.{name}")


def ours(model: Architecture, tokens: int) -> dict[str, float | None]:
    """Parameters, cache bytes of a token and matmul FLOP of one prompt, in transformers' conventions."""
    precision = bits(PrecisionFile())
    rows = 1.0 if len(stacks.stacks(model)) > 1 else float(tokens)  # a decoder behind an encoder starts from one token
    graph = decoder.decoder(model, Step(1.0, float(tokens), 0.0, rows), precision)
    flops = sum(float(op.cost.times(op.repeats).matmul_flops) for op in graph.ops)
    for block in model.blocks:
        if block.attention_kind in LATENT:  # causal pairs here, the full square there
            a = block.attention
            pair = 2 * a["num_attention_heads"] * (a["qk_nope_head_dim"] + a["qk_rope_head_dim"] + a["v_head_dim"])
            flops += float(block.repeats * pair * (tokens * (tokens - 1) / 2))
        if block.attention_kind == "block_sparse":  # the indexer too
            a = block.attention
            pair = 2 * a["index_n_heads"] * a["index_head_dim"]
            flops += float(block.repeats * pair * (tokens * (tokens - 1) / 2))
    kinds = {block.attention_kind for block in model.blocks}
    latent, recurrent = kinds & set(LATENT), kinds & set(RECURRENT)
    return {
        "parameters": float(decoder.parameter_count(model)),
        # transformers keeps latent caches expanded, and neither entries nor the keys of an indexer among the keys
        "kv_bytes": None
        if latent or kinds & {*INDEXED, "bidirectional", "bidirectional_window"}
        else float(decoder.kv_bytes_per_token(model, precision)),
        # its reference code of recurrent mixers has matrix products of its own
        "flops": None if recurrent or "mla_sparse" in kinds else flops,
    }


def prompt(model: Architecture) -> int:
    """Tokens of the prompt: within every window, so that the square is the same in both."""
    windows = [
        b.attention[k] for b in model.blocks for k in ("sliding_window", "attention_chunk_size") if k in b.attention
    ]
    return int(min([TOKENS, *(window - 1 for window in windows)]))


def theirs(config: Mapping[str, Any], tokens: int | None) -> dict[str, float | None]:
    """The same of transformers' model on the meta device; tokens None: parameters only."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoConfig

    text, *_ = text_model(config)
    text = {k: v for k, v in text.items() if k not in ("quantization_config", "auto_map", "torch_dtype", "dtype")}
    kind = text.pop("model_type")
    if "backbone_hidden_size" in text:  # a drafter: its projections are beside its text model
        text, kind = {k: v for k, v in config.items() if k != "model_type"}, str(config["model_type"])
    made = AutoConfig.for_model(TYPES.get(kind, kind), **text)
    made.get_text_config().use_cache = True
    with torch.device("meta"):
        model, head = _model(made)
    counted = sum(p.numel() for name, p in model.named_parameters() if not TOWERS.search(name)) - _never_read(made)
    found: dict[str, float | None] = {"parameters": float(counted + (head or 0))}
    if tokens is None or head != 0 or made.model_type.endswith("_assistant"):  # it runs on its target's cache
        return found
    prompt = {"input_ids": torch.zeros((1, tokens), dtype=torch.long, device="meta")}
    if made.is_encoder_decoder:
        prompt["decoder_input_ids"] = prompt["input_ids"][:, :1]
    model.eval()
    if hasattr(model, "set_experts_implementation") and "expert" in str(made):
        model.set_experts_implementation("batched_mm")
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            out = model(**prompt, use_cache=True)
    except (NotImplementedError, RuntimeError):  # code that asks for values, which the meta device has not
        return found
    layers = getattr(getattr(out, "past_key_values", None), "layers", [])
    kept = [t for layer in layers for t in (getattr(layer, "keys", None), getattr(layer, "values", None))]
    elements = sum(t.numel() for t in kept if t is not None)
    return {**found, "kv_bytes": 2 * elements / tokens, "flops": float(counter.get_total_flops())}


def _model(made: Any) -> tuple[Any, int | None]:
    """The language model of a configuration, an encoder's with its head; or the text model and how many parameters its
    head would have, None for a tied one."""
    import torch
    from transformers import (
        AutoModelForCausalLM,
        AutoModelForMaskedLM,
        AutoModelForSeq2SeqLM,
        AutoModelForSpeechSeq2Seq,
    )

    said = {"attn_implementation": "eager", "dtype": torch.bfloat16}
    encoder = _family(made.model_type).facts.get("generation") == "none"
    auto = AutoModelForSeq2SeqLM if made.is_encoder_decoder else AutoModelForMaskedLM if encoder else None
    try:
        return (auto or AutoModelForCausalLM).from_config(made, **said), 0
    except ValueError:
        if made.model_type == "whisper":
            return AutoModelForSpeechSeq2Seq.from_config(made, **said), 0
        if auto is AutoModelForMaskedLM:
            return AutoModelForCausalLM.from_config(made, **said), 0
        made = made.get_text_config()
        module = importlib.import_module(type(made).__module__.replace(".configuration_", ".modeling_"))
        name = type(made).__name__.removesuffix("Config").removesuffix("Text")
        headed = next((c for n in HEADED if (c := getattr(module, name + n, None))), None)
        if headed:
            return headed._from_config(made, **said), 0
        own = [c for c in vars(module).values() if getattr(c, "config_class", None) is type(made)]
        bare = [c for c in own if c.__name__.endswith("TextModel") or c.__name__ == name + "Model"]
        model = (bare or own)[0]._from_config(made, **said)
        if any(name.startswith("lm_head.") for name, _ in model.named_parameters()):
            return model, 0
        tied = getattr(made, "tie_word_embeddings", False)
        return model, None if tied else made.vocab_size * made.hidden_size


def _never_read(made: Any) -> int:
    """Parameters that transformers allocates and no checkpoint has: gate and up of LongCat's experts that compute
    nothing (meituan-longcat/LongCat-Flash-Chat says 560 billion)."""
    if made.model_type != "longcat_flash":
        return 0
    return int(made.num_layers * made.zero_expert_num * 2 * made.expert_ffn_hidden_size * made.hidden_size)


def _family(model_type: str) -> Family:
    return FAMILIES.get(SAME.get(model_type, model_type), Family())


def registry(kinds: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The default configurations of these model types, or of every causal and every image-text model that transformers
    has."""
    from transformers import AutoConfig
    from transformers.models.auto import modeling_auto as auto

    names = {**auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, **auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES}
    for kind in kinds or names:
        try:
            made = AutoConfig.for_model(kind).to_dict()
        except Exception as error:  # a configuration without defaults
            print(f"{kind:44} transformers has no default: {type(error).__name__}", flush=True)
            continue
        said = {key: value for key, value in made.items() if value is not None}
        for part in (said, said.get("text_config")):
            if isinstance(part, dict) and part.get("n_routed_experts") and part.get("num_experts_per_tok") is None:
                part["num_experts_per_tok"] = CHOSEN_EXPERTS
        yield kind, said


def _not_theirs(config: Mapping[str, Any]) -> str:
    """Why transformers does not build a configuration either, "" where it does."""
    try:
        theirs(config, None)
    except Exception as error:  # transformers raises what it likes
        return f"transformers does not build it: {type(error).__name__}: {' '.join(str(error).split())[:100]}"
    return ""


def compare(config: Mapping[str, Any], name: str) -> str:
    """One line: ok, the differences, or why there is nothing to compare."""
    try:
        model = built(config, name)
    except ConfigError as error:
        return _not_theirs(config) or f"not built: {error}"
    tokens = prompt(model)
    own = ours(model, tokens)
    if config.get("model_type") == "falcon":
        own["kv_bytes"] = None  # transformers keeps each shared key once for every query head
    # transformers runs every expert of Llama 4
    countable = own["flops"] is not None and text_model(config)[0].get("model_type") != "llama4_text"
    try:
        other = theirs(config, tokens if countable else None)
    except Exception as error:  # transformers raises what it likes
        return f"transformers does not build it: {type(error).__name__}: {' '.join(str(error).split())[:100]}"
    wrong = []
    for key, value in other.items():
        mine = own[key]
        if mine is None or value is None:
            continue
        exact = 0 if key == "parameters" else TOLERANCE
        if abs(mine - value) > exact * value:
            wrong.append(f"{key} {mine:.10g}, transformers {value:.10g}")
    counted = ", ".join(key for key in other if own[key] is not None)
    return "; ".join(wrong) if wrong else f"ok ({counted}: {other['parameters']:.10g} parameters)"


def folder(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every config.json below a folder, or one file."""
    files = [path] if path.is_file() else sorted(path.rglob("*config.json"))
    for file in files:
        said = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(said, dict) and ("model_type" in said or path.is_file()):
            name = file.parent.name if file.stem == "config" else file.stem.removesuffix("_config")
            yield name, said


def aiconfigurator() -> Iterator[tuple[str, dict[str, Any]]]:
    """Those of the package aiconfigurator-core."""
    yield from folder(_package("aiconfigurator_core") / "model_configs")


def litgpt() -> Iterator[tuple[str, dict[str, Any]]]:
    """The named configs of the package litgpt in the words of Hugging Face."""
    for said in runpy.run_path(str(_package("litgpt") / "config.py"), run_name="litgpt.config")["configs"]:
        yield said["name"], from_litgpt(said)


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"the package {name.replace('_', '-')} is not installed")
    return Path(next(iter(found.submodule_search_locations)))


def from_litgpt(said: Mapping[str, Any]) -> dict[str, Any]:
    """litgpt's words, which are one architecture with switches, as the family that has those switches."""
    heads, width = said.get("n_head", 32), said.get("n_embd", 4096)
    config: dict[str, Any] = {
        "model_type": _litgpt_family(said),
        "hidden_size": width,
        "num_hidden_layers": said.get("n_layer", 16),
        "num_attention_heads": heads,
        "num_key_value_heads": said.get("n_query_groups", heads),
        "head_dim": said.get("head_size", width // heads),
        "intermediate_size": said.get("intermediate_size", 4 * width),
        "vocab_size": said.get("padded_vocab_size") or _padded(said),
        "max_position_embeddings": said.get("block_size", 4096),
        "partial_rotary_factor": said.get("rotary_percentage", 0.25) or 1.0,
        "tie_word_embeddings": "gemma" in said["name"].lower(),
    }
    if config["model_type"] in ("mixtral", "qwen3_moe"):
        config |= {"num_experts": said["n_expert"], "num_experts_per_tok": said["n_expert_per_token"]}
        config["moe_intermediate_size"] = said.get("moe_intermediate_size")
        config = {key: value for key, value in config.items() if value is not None}
    if said.get("sliding_window_size"):
        config["sliding_window"] = said["sliding_window_size"]
        if config["model_type"] in ("gemma2", "gemma3_text"):
            pattern = said.get("sliding_window_indices") or [1] * config["num_hidden_layers"]
            config["layer_types"] = ["sliding_attention" if local else "full_attention" for local in pattern]
    elif config["model_type"] in ("mistral", "mixtral", "phi3"):
        config["sliding_window"] = None
    if config["model_type"] == "gpt_neox":
        config |= {"use_parallel_residual": said.get("parallel_residual", True)}
        config.pop("num_key_value_heads")
    if config["model_type"] == "falcon":
        new = said.get("n_query_groups", 1) > 1
        config |= {"new_decoder_architecture": new, "multi_query": True, "num_kv_heads": said.get("n_query_groups", 1)}
        config = {key: value for key, value in config.items() if key not in ("num_key_value_heads", "head_dim")}
    return config


def _litgpt_family(said: Mapping[str, Any]) -> str:
    """By what the switches say together with the name."""
    name, mlp = said["name"].lower(), said.get("mlp_class_name")
    by_name = {
        "falcon-": "falcon", "gemma-2-": "gemma2", "gemma-3-": "gemma3_text", "gemma": "gemma", "olmo-2": "olmo2",
        "olmo": "olmo", "phi-3": "phi3", "phi-4": "phi3", "phi-": "phi", "qwen2.5": "qwen2", "qwq": "qwen2",
        "qwen3": "qwen3", "mistral": "mistral", "mathstral": "mistral", "stablelm-3b": "stablelm",
        "stablelm-zephyr": "stablelm", "stable-code-3b": "stablelm", "mixtral": "mixtral",
    }  # fmt: skip
    if name.startswith("codegemma"):
        return "gemma"
    if mlp == "LLaMAMoE":
        return "qwen3_moe" if "qwen3" in name else "mixtral"
    return next((family for start, family in by_name.items() if name.startswith(start)), "llama" if mlp else "gpt_neox")


def _padded(said: Mapping[str, Any]) -> int:
    size, multiple = said.get("vocab_size", 50254), said.get("padding_multiple", 512)
    return -(-size // multiple) * multiple


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare our counts of models with those of transformers.")
    parser.add_argument("paths", nargs="*", type=Path, help="a config.json, or a folder with some")
    parser.add_argument("--litgpt", action="store_true", help="the named configs of the package litgpt")
    parser.add_argument("--aiconfigurator", action="store_true", help="the configs of the package aiconfigurator-core")
    parser.add_argument(
        "--registry", nargs="*", metavar="TYPE", help="transformers' own default of these model types, or of all"
    )
    parser.add_argument("--build-only", action="store_true", help="only whether they are read and built")
    said = parser.parse_args(arguments)
    sources = [folder(path) for path in said.paths]
    sources += [registry(said.registry)] * (said.registry is not None)
    sources += [litgpt()] * said.litgpt + [aiconfigurator()] * said.aiconfigurator
    if not sources:
        parser.error("nothing to check: give a config.json, a folder, --litgpt, --aiconfigurator or --registry")
    good = total = 0
    for name, config in (one for source in sources for one in source):
        line = build_line(config, name) if said.build_only else compare(config, name)
        good, total = good + line.startswith("ok"), total + 1
        print(f"{name:44} {line}", flush=True)
    print(f"{good} of {total} ok")
    return 0 if good == total else 1


def build_line(config: Mapping[str, Any], name: str) -> str:
    try:
        return f"ok {float(decoder.parameter_count(built(config, name))) / 1e9:.3f}B"
    except ConfigError as error:
        return f"not built: {error}"


if __name__ == "__main__":
    sys.exit(main())
