"""Every forecast that a change must leave alone, bit for bit: recorded before it, compared after it.

    python scripts/compare_forecasts.py record BEFORE.json     # at the commit before
    python scripts/compare_forecasts.py record AFTER.json      # at the commit after
    python scripts/compare_forecasts.py compare BEFORE.json AFTER.json [TOLERANCE]

All shipped devices, models, options and engines, and what changes the structure of a forecast (conventions, tensor
parallelism, chunks, threads, power limits, images, axes of switched-off terms), by the public API alone, so that the
script runs at any commit. Plain float64 numbers through NumPy; a few studies through JAX, with elasticities.
"""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

import life_jax as life

CONF = Path(__file__).resolve().parents[1] / "conf"
METRICS = (
    "ttft", "tpot", "tps", "throughput", "e2e", "e2e_throughput", "memory", "weight_memory", "kv_memory",
    "fits_memory", "max_batch", "max_context", "energy", "prefill_energy", "decode_energy", "energy_per_token",
    "power", "price", "cost_per_mtoken", "ttft_low", "ttft_high", "prefill_flops", "prefill_bytes_read",
    "prefill_bytes_written", "prefill_dispatches", "decode_flops", "decode_bytes_read", "decode_dispatches",
    "prefill_compute_time", "prefill_memory_time", "decode_compute_time", "decode_memory_time", "bound",
    "prefill_bound", "decode_bound",
)  # fmt: skip
MODELS = "[llama3_8b,gemma3_4b,gpt_oss_20b,deepseek_v3,mamba2_2_7b]"
DEVICES = "[h100_sxm,v100,m3_max,ryzen_9_7950x_cpu]"
ROOMY = "b200"  # has units for every activation precision but int4
FEW = "[llama3_8b,gemma3_4b,gpt_oss_20b]"
LATENT = {"mla": "llama2_7b", **{f"mla_{form}": "deepseek_v3" for form in ("absorbed", "expanded", "decompressed")}}


ALIASES = {"hw": "hardware", "model": "model"}


def stems(group: str) -> list[str]:
    """Names of the files of a group, and the short names that are declared for them (which once were files)."""
    short: list[str] = []
    if group in ALIASES:
        lines = (CONF / "alias" / f"{ALIASES[group]}.yaml").read_text(encoding="utf-8").splitlines()
        short = [name for name in (line.rsplit(": ", 1)[0] for line in lines) if name.isidentifier()]
    return sorted({*short, *(path.stem for path in (CONF / group).glob("*.yaml"))})


NEEDED = {"speculative": "draft.model=llama3_2_1b", "offload": "offload.hw=xeon_gold_6454s"}


def known(group: str, names: str) -> str:
    """Those of a list of names that this commit ships."""
    have = stems(group)
    return f"[{','.join(name for name in names.strip('[]').split(',') if name in have)}]"


def studies() -> Iterator[list[str]]:
    models, devices, few = known("model", MODELS), known("hw", DEVICES), known("model", FEW)
    yield [f"hw=[{','.join(stems('hw'))}]", "model=[llama3_8b,gpt_oss_20b]", "axes.opt=[[],[int4]]"]
    yield [f"model=[{','.join(stems('model'))}]", "hw=[h100_sxm,m3_max]", "axes.opt=[[],[int4]]"]
    for option in stems("opt"):
        on = [f"hw={'a100' if option == 'w4a4kv4' else ROOMY}", f"model={LATENT.get(option, models)}"]
        yield [*on, f"opt={option}", *([NEEDED[option]] if option in NEEDED else [])]
    for engine in stems("engine"):
        for batch, prompt in ((1, 128), (24, 2000)):
            words = [f"workload.batch={batch}", f"workload.prompt_tokens={prompt}"]
            yield [f"engine={engine}", f"hw={devices}", f"model={few}", "axes.opt=[[],[q4_k_m,kv8]]", *words]
    base = [f"model={models}", "axes.opt=[[],[int4]]"]
    yield ["convention=life_paper", "hw=v100", "model=llama2_7b", "axes.opt=[[],[int4],[kv8],[fused],[lora]]"]
    yield [*base, "hw=h100_sxm", "engine.tensor_parallel=4", "engine=vllm"]
    yield ["hw=h100_sxm", "opt=kv_fp8", "model=llama3_8b"]
    yield ["hw=a100", "opt=kv_fp8", "engine=vllm", "model=llama3_8b"]
    yield [*base, "hw=h100_sxm", "engine.chunk_tokens=100", "workload.prompt_tokens=512"]
    yield [*base, "hw=h100_sxm", "engine.chunk_tokens=400", "engine.chunk_shared=true", "workload.batch=8"]
    yield [*base, "hw=h100_sxm", "engine.power_cap=true", "hw.h100_sxm.power_limit_w=300"]
    yield [*base, "hw=h100_sxm", "engine.logits=all", "engine.roofline_scope=total"]
    yield ["hw=v100", "axes.roof_smoothness=[0,1]", "axes.tile_rows=[0,16]", "engine=ideal"]
    yield ["hw=v100", "axes.kv_reread=[0,1]", "axes.expand_rows=[4]", "axes.attention_lanes=[64]", "engine=ideal"]
    yield ["hw=v100", "axes.vector_rows=[4]", "axes.repack_flops=[1]", "axes.compute_4bit=[1]", "opt=int4"]


def computed() -> Iterator[list[str]]:
    """Through JAX, with derivatives."""
    grid = ["axes.prompt_tokens=[100,1000]", "axes.batch=[1,16]", "dtype=float64", "metrics=[ttft,tpot,tps,e2e,power]"]
    for words in (
        ["hw=v100", "opt=int4"],
        ["hw=h100_sxm", "opt=int4", "engine=vllm", "model=qwen3_8b", "engine.tensor_parallel=2"],
        ["hw=m3_max", "opt=q4_k_m", "engine=llama_cpp_metal"],
        ["hw=v100", "engine=ideal"],
    ):
        yield [*words, *grid, "elasticity=true", "gains=true"]
    yield ["hw=v100", *grid, "axes.tile_rows=[0,8]", "axes.bandwidth_gb_per_s=[500,900]"]


def record(file: Path) -> None:
    np.seterr(all="ignore")
    found: dict[str, str] = {}
    for words in studies():
        try:
            study = life.load(words)
        except life.ConfigError as error:
            found[" ".join(words)] = str(error)
            continue
        for case in study.cases:
            # NumPy's floats divide by zero as arrays do
            numbers = jax.tree.map(np.float64, case.scenario)
            for metric, value in life.forecast(numbers, METRICS).items():
                found[f"{' '.join(word[:80] for word in words)} | {case.label} | {metric}"] = float(value).hex()
    for words in computed():
        dataset = life.evaluate(life.load(words))
        for name, array in dataset.data_vars.items():
            for index, value in enumerate(array.values.ravel()):
                found[f"jax {' '.join(words)} | {name} | {index}"] = float(value).hex()
    file.write_text(json.dumps(found, indent=0))
    print(len(found), "numbers")


def compare(before: Path, after: Path, tolerance: float) -> int:
    a, b = (json.loads(file.read_text()) for file in (before, after))
    worst, differ = 0.0, []
    for key in a.keys() | b.keys():
        one, other = a.get(key), b.get(key)
        if one == other:
            continue
        apart = math.inf
        if one is not None and other is not None and "|" in key:
            x, y = float.fromhex(one), float.fromhex(other)
            apart = 0.0 if x == y else abs(x - y) / max(abs(x), abs(y))
        worst = max(worst, apart)
        if not apart <= (max(tolerance, 1e-12) if key.startswith("jax") else tolerance):
            differ.append(f"{key}: {one} {other} ({apart:.2g})")
    print("\n".join(sorted(differ)[:40]))
    print(f"{len(a)} numbers before, {len(b)} after; {len(differ)} differ; largest relative difference {worst:.2g}")
    return 1 if differ else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["record", file]:
            record(Path(file))
        case ["compare", before, after, *rest]:
            sys.exit(compare(Path(before), Path(after), float(rest[0]) if rest else 0.0))
        case _:
            sys.exit(__doc__)
