"""Times real decoders with random weights on this machine: PyTorch with transformers, and llama.cpp.

What is timed does not depend on the values of the weights, as long as they are no denormal numbers.
"""

import importlib.metadata
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from host_device import Clock

from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.optimizations.gguf_file_types import BLOCK, FALLBACK, FILE_TYPES, Layer

FAMILIES = ("llama", "mistral", "qwen3")
STEPS = 16  # decode steps that are timed


@dataclass(frozen=True)
class Timing:
    """seconds of a prompt (ttft_s) or of an output token (tpot_s); output_tokens counts the prompt's first one."""

    metric: str
    seconds: float
    batch: int
    prompt_tokens: int
    output_tokens: int


def refuse_other_families(label: str, model: ModelFile) -> None:
    if model.family not in FAMILIES or model.layers or model.quantization:
        raise ConfigError(
            f"{label}: models of the family {model.family} are not built here (can: {', '.join(FAMILIES)})"
        )


def transformers_timings(
    model: ModelFile, prompts: Sequence[int], batches: Sequence[int], clock: Clock
) -> Iterator[Timing]:
    """The decoder in bf16, eager kernels but for scaled dot product attention, no CUDA graphs."""
    import torch
    from transformers import AutoModelForCausalLM, DynamicCache, LlamaConfig, Qwen3Config

    where = torch.device("cuda" if clock.cuda else "cpu")
    config = (Qwen3Config if model.family == "qwen3" else LlamaConfig)(
        hidden_size=int(model.hidden_size),
        intermediate_size=int(model.intermediate_size),
        num_hidden_layers=int(model.num_hidden_layers),
        num_attention_heads=int(model.num_attention_heads),
        num_key_value_heads=int(model.num_key_value_heads),
        head_dim=int(model.head_dim),
        vocab_size=int(model.vocab_size),
        max_position_embeddings=int(model.max_position_embeddings),
        tie_word_embeddings=model.tie_word_embeddings,
    )
    with where:
        decoder = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa").eval()
    # the name of the argument has changed in transformers 5
    keep = "cache" if "cache" in inspect.signature(decoder.forward).parameters else "past_key_values"
    with torch.inference_mode():
        for batch in batches:
            for prompt in prompts:
                tokens = torch.randint(3, int(model.vocab_size), (batch, prompt), device=where)

                def prefill(tokens: Any = tokens) -> Any:
                    cache = DynamicCache()
                    decoder(tokens, use_cache=True, logits_to_keep=1, **{keep: cache})
                    return cache

                yield Timing("ttft_s", clock.seconds(prefill), batch, prompt, 1)
                cache = prefill()

                def decode(cache: Any = cache, token: Any = tokens[:, :1], prompt: int = prompt) -> None:
                    beyond = cache.get_seq_length() - prompt
                    if beyond:  # every repetition starts behind the prompt
                        cache.crop(-beyond)
                    for _ in range(STEPS):
                        decoder(token, use_cache=True, **{keep: cache})

                yield Timing("tpot_s", clock.seconds(decode) / STEPS, batch, prompt, STEPS + 1)


# where the fp16 scales stand in a block: offsets [byte]; everything else may be any byte
SCALES = {"Q4_0": (0,), "Q4_1": (0, 2), "Q5_0": (0,), "Q5_1": (0, 2), "Q8_0": (0,)}
SCALES |= {"Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}
NAMES = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"}
NAMES |= {"gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}


def random_blocks(rows: int, columns: int, kind: str, rng: np.random.Generator) -> np.ndarray:
    """A rows x columns matrix in a GGUF block format, as its bytes; fp16 numbers for F16."""
    if kind == "F16":
        return (rng.standard_normal((rows, columns), dtype=np.float32) * 0.02).astype(np.float16)
    size, weights = BLOCK[kind]
    blocks = rng.integers(0, 256, (rows, columns // weights, size), dtype=np.uint8)
    scale = np.frombuffer(np.float16(1e-3).tobytes(), np.uint8)
    for offset in SCALES[kind]:
        blocks[:, :, offset : offset + 2] = scale
    return blocks.reshape(rows, -1)


def write_gguf(path: Path, model: ModelFile, file_type: str) -> None:
    """A model of random weights whose tensors have the formats that llama.cpp would give them."""
    import gguf

    kind, rng = FILE_TYPES[file_type.upper()], np.random.default_rng(0)
    d, f, a, vocab = (int(n) for n in (model.hidden_size, model.intermediate_size, model.head_dim, model.vocab_size))
    q, kv = int(model.num_attention_heads) * a, int(model.num_key_value_heads) * a
    layers = int(model.num_hidden_layers)
    architecture = "qwen3" if model.family == "qwen3" else "llama"
    out = gguf.GGUFWriter(str(path), architecture)

    def matrix(name: str, rows: int, columns: int, block: str) -> None:
        fitting = FALLBACK.get(block, block) if BLOCK[block][1] == 256 and columns % 256 else block
        tensor = random_blocks(rows, columns, fitting, rng)
        out.add_tensor(f"{name}.weight", tensor, raw_dtype=getattr(gguf.GGMLQuantizationType, fitting))

    out.add_block_count(layers)
    out.add_embedding_length(d)
    out.add_head_count(q // a)
    out.add_head_count_kv(kv // a)
    out.add_key_length(a)
    out.add_value_length(a)
    out.add_rope_dimension_count(a)
    out.add_feed_forward_length(f)
    out.add_context_length(int(model.max_position_embeddings))
    out.add_layer_norm_rms_eps(1e-5)
    out.add_vocab_size(vocab)
    out.add_tokenizer_model("llama")
    out.add_token_list(["<unk>", "<s>", "</s>", *(f"t{i}" for i in range(3, vocab))])
    out.add_token_scores([0.0] * vocab)
    out.add_token_types([2, 3, 3, *[1] * (vocab - 3)])
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    table = kind.output if model.tie_word_embeddings else kind.embedding or kind.default
    matrix("token_embd", vocab, d, table)
    if not model.tie_word_embeddings:
        matrix("output", vocab, d, kind.output)
    out.add_tensor("output_norm.weight", np.ones(d, np.float32))
    shapes = {"q_proj": (q, d), "k_proj": (kv, d), "v_proj": (kv, d), "o_proj": (d, q)}
    shapes |= {"gate_proj": (f, d), "up_proj": (f, d), "down_proj": (d, f)}
    for index in range(layers):
        layer = Layer(index, layers, q / kv)
        for name, (rows, columns) in shapes.items():
            matrix(f"blk.{index}.{NAMES[name]}", rows, columns, kind.type_of(name, layer))
        for name in ("attn_norm", "ffn_norm"):
            out.add_tensor(f"blk.{index}.{name}.weight", np.ones(d, np.float32))
        if architecture == "qwen3":
            for name in ("attn_q_norm", "attn_k_norm"):
                out.add_tensor(f"blk.{index}.{name}.weight", np.ones(a, np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def llama_cpp_timings(path: Path, prompts: Sequence[int], threads: int, repeats: int) -> Iterator[Timing]:
    """llama.cpp on the CPU, one sequence, by the times that its server reports."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.n_ctx = max(prompts) + 2 * STEPS
    parameters.n_parallel, parameters.n_gpu_layers, parameters.verbosity = 1, 0, 0
    parameters.fit_params = False
    server = xllamacpp.Server(parameters)
    for prompt in prompts:
        asked: Mapping[str, Any] = {
            "prompt": [3 + i % 1000 for i in range(prompt)],
            "n_predict": STEPS + 1,
            "cache_prompt": False,
            "ignore_eos": True,
        }
        found = [server.handle_completions(asked)["timings"] for _ in range(repeats + 1)][1:]
        if any(one["prompt_n"] != prompt for one in found):
            raise RuntimeError(f"llama.cpp processed another prompt than asked: {found[0]}")
        yield Timing("ttft_s", min(one["prompt_ms"] for one in found) / 1e3, 1, prompt, 1)
        # the first token comes with the prompt
        steps = min(one["predicted_ms"] / (one["predicted_n"] - 1) for one in found)
        yield Timing("tpot_s", steps / 1e3, 1, prompt, STEPS + 1)


def version(package: str) -> str:
    return importlib.metadata.version(package)
