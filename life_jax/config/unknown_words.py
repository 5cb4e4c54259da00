"""Words that are not known: where a number belongs, what we call what other tools call so, and what looks alike."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from life_jax.config.schema import axis_table
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError, closest, columns, guess
from life_jax.config.schema.files import CostFile, LoadFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.config.short_words import SHORT_WORDS

WRITTEN = {  # file of a section -> how its keys are typed
    DeviceFile: "hw.LABEL.", ModelFile: "model.LABEL.", EngineFile: "engine.", LoadFile: "load.", CostFile: "cost.",
}  # fmt: skip
OURS = {  # our word -> what benchmark tools, engines' arguments and other forecasters call it
    "prompt": "input inputs input_len input_length input_tokens isl prompt_len prompt_length prompt_tokens "
    "pp_len n_prompt seq_len seqlen sequence_length max_input_tokens random_input_len",
    "output": "output_len output_length output_tokens osl decode gen gen_len n_gen n_predict max_tokens "
    "max_new_tokens new_tokens num_predict random_output_len",
    "context": "ctx ctx_size num_ctx n_ctx context_length context_len depth n_depth past past_tokens max_model_len "
    "kv_len",
    "batch": "bs batch_size bsz max_batch max_batch_size num_seqs max_num_seqs",
    "concurrency": "users clients max_concurrency parallel num_users concurrent",
    "rate": "qps rps request_rate",
    "hw": "device gpu gpu_name hardware card accelerator chip cpu system",
    "model": "llm checkpoint network model_name model_path",
    "opt": "quant quantization quants weight_dtype weights weight_format bits stack options optimizations",
    "engine": "backend framework runtime server software",
    "tp": "tensor_parallel_size tp_size num_gpus gpus n_gpus ngpus gpu_count",
    "pp": "pipeline_parallel_size pp_size stages",
    "ep": "expert_parallel_size ep_size",
    "dp": "data_parallel_size dp_size",
    "out": "output_file file save csv",
    "plot": "picture figure chart",
    "metrics": "metric",
}  # fmt: skip
PARTS = {  # a word that is followed by a key of its own -> an example
    "target": "target.ttft=0.5", "limit": "limit.ttft=0.5", "at": "at.hw=v100", "axes": "axes.batch=[1,8]",
    "range": "range.bandwidth_gb_per_s=[500,4000]", "precision": "precision.weight_bits=4", "layout": "layout.pp=2",
    "budget": "budget.usd=30000",
}  # fmt: skip
CALLED = {theirs: ours for ours, names in OURS.items() for theirs in names.split()}
METRICS = {  # our metric -> what others call it
    "tps": "tokens_per_second tok_s toks_per_sec tokens_s speed decode_speed generation_speed",
    "throughput": "total_throughput output_throughput tokens_per_second_total",
    "e2e": "latency request_latency e2el total_time time",
    "ttft": "time_to_first_token prefill prefill_time first_token",
    "tpot": "time_per_output_token itl inter_token_latency decode_time ms_per_token",
    "memory": "vram ram mem memory_gb gpu_memory",
    "price": "cost usd dollars",
    "cost_per_mtoken": "cost_per_million usd_per_mtoken cost_per_token",
    "energy_per_token": "joules j_per_token joules_per_token",
}  # fmt: skip
METRIC_CALLED = {theirs: ours for ours, names in METRICS.items() for theirs in names.split()}


def error(key: str, words: Iterable[str], *, composed: bool = True) -> ConfigError:
    """The error of an unknown word: where it belongs, what it is called here, or what looks alike.

    words: those that the verb knows, without the short ones. composed: whether the verb takes numbers of files and
    short words too.
    """
    if key in PARTS and key in words:
        return ConfigError(f"'{key}=' is not a word by itself; write {key}.KEY=VALUE, such as {PARTS[key]}")
    ours, words = CALLED.get(key.lower()), (*words, *(SHORT_WORDS if composed else ()))
    listed = columns([f"{word}=" for word in words]) if words else []
    place = None if not composed or (ours in words and key not in axis_table.axis_keys()) else _place(key)
    if place is not None:
        return ConfigError(f"'{key}' is not a word by itself; {place}")
    if ours in words:
        return ConfigError(f"'{key}=' is not known; it is called {ours}= here", listed)
    axes = (f"axes.{k}" for k in axis_table.axis_keys()) if composed else ()
    return ConfigError(f"'{key}=' is not known{guess(closest(key, (*words, *axes)))}", listed)


def metric(name: str, known: Iterable[str]) -> ConfigError | None:
    """The error of a metric that others have under another name; None where nothing is known of the name."""
    ours = METRIC_CALLED.get(name.lower().replace("-", "_").replace("/", "_"))
    if ours is None or ours not in known:
        return None
    return ConfigError(
        f"'{name}' is not known; it is called {ours} here", columns([ours, *sorted(set(known) - {ours})])
    )


def no_pair(word: str, rest: Sequence[str], group_of: Callable[[str], str | None]) -> ConfigError:
    """The error of a word that is no KEY=VALUE: what was meant by it, where that can be told.

    rest: the words behind it; group_of: whether a name is one of a device, a model, an option or an engine.
    """
    plain, follows = word.lstrip("-"), rest[0] if rest else ""
    key = CALLED.get(plain.lower(), plain)
    if word == "=" or follows == "=" or follows.startswith("=") or word.endswith("="):
        meant = f"without spaces around =: {plain.rstrip('=')}={''.join(rest[:2]).strip('=')}"
    elif word.startswith("-") and plain in ("json", "csv", "md"):
        meant = f"without dashes: format={plain}"
    elif word.startswith("-") and plain:
        known = follows and not follows.startswith("-") and "=" not in follows
        meant = f"without dashes: {key}={follows if known else 'VALUE'}"
    elif (group := group_of(word)) is not None:
        return ConfigError(f"'{word}' is not understood; words are KEY=VALUE; did you mean {group}={word}?")
    else:
        meant = "such as hw=v100 or axes.batch=[1,8]"
    return ConfigError(f"'{word}' is not understood; words are KEY=VALUE, {meant}")


def _place(key: str) -> str | None:
    """What is written for a key of a file, None where no file has it."""
    if key in axis_table.axis_keys():
        section = axis_table.section_of(key)
        place = f"{section}.LABEL.{key}" if section in ("hw", "model") else f"{section}.{key}"
        return f"write {place}=VALUE or axes.{key}=[...]"
    for schema, start in WRITTEN.items():
        if any(field.name == key for field in dataclasses.fields(schema)) and key not in ("name", "source"):
            return f"write {start}{key}=VALUE"
    return None
