"""Write conf/quality.yaml: what quantization keeps of a model, as published, and a law for formats without a row.

    python scripts/fit_quality.py [--data ../shared/data]

A row is a published perplexity or Kullback-Leibler divergence (KLD) of a quantized model against its base, as nats a
token: the KLD, or ln(perplexity / perplexity of the base), which follow each other (on 34 files of one model their
logarithms have a correlation of 0.996). Rows without a licence stay out. The law, by least squares over all rows above
the floor of the method:

    ln nats = a + b x bits                        of k-quants and of i-quants, b for each
    ln nats = a + b x ln(relative squared error)  of integers in groups, fp4 and fp8, whose error is simple to compute
    + an effect of the model's family

The relative squared error is that of normally distributed weights rounded as the format says. Formats with quantized
inputs have the mean of their rows, or (fp4) twice the nats of their weights [assumption: as much again]; of fp8, whose
rows have quantized inputs, weights have half of it, each format of them by its error. Kinds without a row (weights of
fp8, inputs of fp4, most caches) have a spread of UNSEEN.
"""

import argparse
import csv
import math
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from life_jax.config.quality import family

ROOT = Path(__file__).resolve().parents[1]
FLOOR = 0.00055  # nats that 16-bit logits alone cost (llama.cpp's README); what is below says nothing
UNSEEN = 1.0  # a factor of 2.7 either way, of kinds that no row is of [assumption]
NO_LICENCE = ("none stated", "card of a research group")
OPTIONS = {  # format of the table -> our option
    "int4_g128 (AWQ)": "int4", "int4_g128 (GPTQ-R)": "int4", "int4_sym_g128 (GPTQ+scale)": "int4",
    "int4_sym_g128 (data free)": "int4", "int4_sym_g128 (scale estimation)": "int4",
    "int4_asym_g128_r80": "int4_mixed", "int8_asym": "int8", "nf4_g128": "nf4", "w4a4 (QuaRot)": "w4a4kv4",
    "w8a8 (SmoothQuant, KV8 static)": "w8a8", "nvfp4 (llama.cpp)": "nvfp4", "nvfp4 (ModelOpt, converted)": "nvfp4",
    "q3_k_m (bartowski)": "q3_k_m", "iq4_xs (bartowski)": "iq4_xs", "iq4_xs (mradermacher i1)": "iq4_xs",
    "w:f16 k:q8_0 v:q8_0": "kv_q8_0",
}  # fmt: skip
MODELS = {"llama_30b": "llama_33b", "llama2_7b_chat": "llama2_7b", "llama2_13b_chat": "llama2_13b"}
K_QUANTS = {  # bits of the whole file of Llama-3-8B over its weights, where the table has them
    "ud_q2_k_xl": 3.17, "ud_q3_k_s": 3.65, "ud_q3_k_xl": 4.0, "ud_q4_k_xl": 4.9, "ud_q5_k_xl": 5.7, "ud_q6_k_xl": 6.57,
    "ud_q8_k_xl": 8.51, "gguf_2_70": 2.7, **{f"exl2_{b}bpw": float(b.replace("_", ".")) for b in
    ("2", "2_5", "3", "3_5", "4", "5", "6", "8")},
}  # fmt: skip
I_QUANTS = {
    "ud_iq2_xxs": 2.4, "ud_iq3_xxs": 3.26, "ud_iq4_xs": 4.43,
    **{f"exl3_{b}bpw": float(b.replace("_", ".")) for b in ("2", "2_5", "3", "3_5", "4", "5", "6", "8")},
}  # fmt: skip
TWICE = {"w4a4_nvfp4": "nvfp4"}
WITH_INPUTS = ("fp8", "w8a8_fp8")  # one format: weights and inputs of linear layers, the head at 16 bit
# of the test part of WikiText-2: words as lm-eval counts them (1 290 590 bytes over the ratio of its nats a word and a
# byte in torchao's pull request 3394), tokens of Llama 3 as llama.cpp does (564 chunks of 512)
WORDS_A_TOKEN = 241_300 / 288_768
# AMD's card of Llama-3.1-8B-Instruct-FP8-KV (7.2752 over 7.2169) and vLLM's post on PTPC-FP8 (0.86 % a word), whose
# tables have no licence, say 0.0080 and 0.0072 nats a token with an fp8 cache: a check of the row below
PUBLISHED = (  # model, option, perplexity, that of the base, tokens that it is of, calibration, source, licence
    ("llama3_1_8b", "fp8", 7.62, 7.5472, WORDS_A_TOKEN, "rows, dynamic inputs; base model",
     "torchao, pull request 3394: lm-eval wikitext, by word", "BSD-3-Clause"),
)  # fmt: skip
HEAD = """\
# Written by scripts/fit_quality.py, which says what the numbers are. nats: lost a token, against the 16-bit base;
# the part of the likelihood that is kept is exp(-nats). spread: standard deviation of ln nats, of the estimate of a
# model whose own row is known, whose family has the row, whose family has other rows, and of no family that is known.
"""


def integers(bits: int, group: int, zero: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Rounds weights [rows, group] to integers with a scale, and a zero point if need be, for each group."""

    def rounded(x: np.ndarray) -> np.ndarray:
        if zero:
            low, high = x.min(1, keepdims=True), x.max(1, keepdims=True)
            scale = (high - low) / (2**bits - 1)
            return np.round((x - low) / scale) * scale + low
        top = 2 ** (bits - 1) - (0.5 if bits <= 4 else 1)
        scale = np.abs(x).max(1, keepdims=True) / top
        return np.clip(np.round(x / scale), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * scale

    return rounded


def levels(values: np.ndarray, power_of_two: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    """Rounds weights to the nearest of a few values, scaled for each group (by a power of two if so)."""
    both = np.unique(np.concatenate([-values, values]))
    edges = (both[1:] + both[:-1]) / 2

    def rounded(x: np.ndarray) -> np.ndarray:
        largest = np.abs(x).max(1, keepdims=True)
        scale = (
            2.0 ** (np.floor(np.log2(largest)) - math.floor(math.log2(both[-1])))
            if power_of_two
            else largest / both[-1]
        )
        return both[np.searchsorted(edges, x / scale)] * scale

    return rounded


E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
E4M3 = np.array(
    [m / 8 * 2.0**-6 for m in range(8)]
    + [(1 + m / 8) * 2.0 ** (e - 7) for e in range(1, 16) for m in range(8) if (e, m) != (15, 7)]
)
NF4 = np.array([0, 0.0796, 0.1609, 0.2461, 0.3379, 0.4407, 0.5626, 0.7230, 1.0])  # its positive half (QLoRA, app. E)
SIMPLE = {  # option -> bits with scales, weights of a group, how they are rounded
    "q4_0": (4.64, 32, integers(4, 32, False)), "q4_1": (5.11, 32, integers(4, 32, True)),
    "q5_0": (5.57, 32, integers(5, 32, False)), "q5_1": (6.04, 32, integers(5, 32, True)),
    "q8_0": (8.51, 32, integers(8, 32, False)),
    "int2": (2.25, 128, integers(2, 128, True)), "int3": (3.125, 128, integers(3, 128, False)),
    "int4": (4.125, 128, integers(4, 128, False)), "int4_zp": (4.156, 128, integers(4, 128, True)),
    "int4_g64": (4.25, 64, integers(4, 64, False)), "int4_g32": (4.5, 32, integers(4, 32, False)),
    "int4_g32_zp": (4.625, 32, integers(4, 32, True)), "int4_g32_zp16": (5.0, 32, integers(4, 32, True)),
    "int4_channel": (4.0, 4096, integers(4, 4096, False)), "int4_mixed": (4.51, 128, integers(4, 128, False)),
    "int8": (8.0, 4096, integers(8, 4096, False)), "int8_all": (8.0, 4096, integers(8, 4096, False)),
    "int8_head": (8.0, 4096, integers(8, 4096, False)), "int8_g128": (8.125, 128, integers(8, 128, False)),
    "int8_g32": (8.5, 32, integers(8, 32, False)), "mxint8": (8.25, 32, integers(8, 32, False)),
    "mlc_q4f16": (4.5, 32, integers(4, 32, False)), "mlx_2bit": (2.5, 64, integers(2, 64, True)),
    "mlx_3bit": (3.5, 64, integers(3, 64, True)), "mlx_4bit": (4.5, 64, integers(4, 64, True)),
    "mlx_4bit_g32": (5.0, 32, integers(4, 32, True)), "mlx_5bit": (5.5, 64, integers(5, 64, True)),
    "mlx_5bit_g32": (6.0, 32, integers(5, 32, True)), "mlx_6bit": (6.5, 64, integers(6, 64, True)),
    "mlx_8bit": (8.5, 64, integers(8, 64, True)), "nf4": (4.5, 64, levels(NF4)),
    "nf4_double": (4.13, 64, levels(NF4)), "mxfp4": (4.25, 32, levels(E2M1, True)),
    "mxfp4_experts": (4.25, 32, levels(E2M1, True)), "mlx_mxfp4": (4.25, 32, levels(E2M1, True)),
    "nvfp4": (4.5, 16, levels(E2M1)), "mlx_nvfp4": (4.5, 16, levels(E2M1)),
    "fp8_weight_only": (8.0, 4096, levels(E4M3)), "fp8_block": (8.0, 16384, levels(E4M3)),
    "mxfp8": (8.25, 32, levels(E4M3, True)),
}  # fmt: skip


def kind_of(option: str) -> str:
    """The kind of a format of SIMPLE."""
    return "fp8" if "fp8" in option else "fp4" if "fp4" in option or "nf4" in option else "integer_group"


def relative_error() -> dict[str, float]:
    """Option -> mean squared error over the variance of normal weights that are rounded as it says."""
    weights = np.random.default_rng(0).standard_normal(2**22)
    found = {}
    for option, (_, group, rounded) in SIMPLE.items():
        x = weights.reshape(-1, group)
        found[option] = float(((rounded(x) - x) ** 2).mean())
    found["int4_mixed"] *= 0.9  # nine layers in ten
    return found


@dataclass(frozen=True)
class Row:
    """A published measurement: nats a token that a model loses under an option."""

    model: str
    option: str
    nats: float
    measure: str
    calibration: str
    bits: float | None
    source: str
    licence: str


def rows(path: Path) -> list[Row]:
    """Rows of the table that have a licence and an option of ours."""
    known = {p.stem for p in (ROOT / "conf" / "opt").glob("*.yaml")}
    found = []
    for r in csv.DictReader(path.open(encoding="utf-8")):
        option = OPTIONS.get(r["format"], r["format"])
        if option not in known or option == "f16" or r["licence"].startswith(NO_LICENCE):
            continue
        if r["kld"]:
            nats, measure = float(r["kld"]), "kld"
        elif r["ppl"]:
            nats, measure = math.log(float(r["ppl"]) / float(r["ppl_base"])), "perplexity"
        else:
            continue
        calibration = r["calibration"] if r["calibration"] != "method in brackets" else r["format"]
        bits = float(r["bits"]) if r["bits"] and option != "kv_q8_0" else None
        model = MODELS.get(r["model"], r["model"])
        found.append(Row(model, option, nats, measure, calibration, bits, r["source"], r["licence"]))
    for model, option, measured, base, part, calibration, source, licence in PUBLISHED:
        nats = part * math.log(measured / base)
        for same in WITH_INPUTS if option in WITH_INPUTS else (option,):
            found.append(Row(model, same, nats, "perplexity", calibration, None, source, licence))
    return found


def place(row: Row, errors: dict[str, float], bits: dict[str, float]) -> tuple[str, float] | None:
    """The law that a row belongs to, and where on it; None for options without a law."""
    if row.option in errors:
        return "simple", math.log(errors[row.option])
    if row.option.startswith("iq"):
        return "i_quant", bits[row.option]
    if row.option.startswith("q"):
        return "k_quant", bits[row.option]
    return None


def fit(data: list[tuple[str, float, str, float]]) -> tuple[dict[str, tuple[float, float]], dict[str, float], float]:
    """(law, place, family, ln nats) -> (intercept, slope) by law, effect by family, spread of what is left."""
    laws = sorted({law for law, *_ in data})
    families = sorted({name for *_, name, _ in data})
    columns = np.zeros((len(data), 2 * len(laws) + len(families)))
    for i, (law, x, name, _) in enumerate(data):
        at = 2 * laws.index(law)
        columns[i, at : at + 2] = 1, x
        columns[i, 2 * len(laws) + families.index(name)] = 1
    ridge = np.zeros((len(families), columns.shape[1]))
    ridge[:, 2 * len(laws) :] = np.eye(len(families))  # effects are around 0, as one row says of each
    y = np.array([value for *_, value in data])
    found = np.linalg.lstsq(np.vstack([columns, ridge]), np.concatenate([y, np.zeros(len(families))]), rcond=None)[0]
    left = y - columns @ found
    lines = {law: (float(found[2 * i]), float(found[2 * i + 1])) for i, law in enumerate(laws)}
    effects = {name: float(found[2 * len(laws) + i]) for i, name in enumerate(families)}
    return lines, effects, float(np.sqrt((left**2).sum() / (len(y) - 2 * len(laws))))


def spread_in_groups(values: dict[tuple[str, str], list[float]]) -> float:
    """Standard deviation of numbers around the means of their groups."""
    groups = [np.array(v) for v in values.values() if len(v) > 1]
    squares = sum(float(((g - g.mean()) ** 2).sum()) for g in groups)
    return math.sqrt(squares / sum(len(g) - 1 for g in groups))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    table = rows(parser.parse_args().data / "quality_quant.csv")
    errors = relative_error()
    bits = K_QUANTS | I_QUANTS | {r.option: r.bits for r in reversed(table) if r.bits and r.model == "llama3_8b"}
    data = []
    for row in table:
        at = place(row, errors, bits)
        if at is not None and row.nats > 2 * FLOOR:
            data.append((*at, family(row.model), math.log(row.nats)))
    lines, effects, left = fit(data)
    same, related = defaultdict(list), defaultdict(list)
    for row in table:
        if row.nats > 2 * FLOOR:
            same[row.model, row.option].append(math.log(row.nats))
    for (model, option), values in same.items():
        related[family(model), option].append(float(np.mean(values)))
    of_families = float(np.std(list(effects.values()), ddof=1))
    spreads = {
        "row": spread_in_groups(same), "family_row": spread_in_groups(related), "family": left,
        "none": math.hypot(left, of_families),
    }  # fmt: skip

    def line(law: str, x: float) -> float:
        return math.exp(lines[law][0] + lines[law][1] * x)

    formats: dict[str, tuple[str, float | None, float]] = {
        option: (kind_of(option), SIMPLE[option][0], line("simple", math.log(e))) for option, e in errors.items()
    }
    for option in sorted(bits):
        law = "i_quant" if option in I_QUANTS or option.startswith("iq") else "k_quant"
        if option not in errors and (option in K_QUANTS | I_QUANTS or option[0] in "iq"):
            formats[option] = law, bits[option], line(law, bits[option])
    for option, weights in TWICE.items():
        formats[option] = f"{formats[weights][0]}_inputs", None, 2 * formats[weights][2]
    for option in ("w8a8", "w4a4kv4", *WITH_INPUTS):
        values = [math.log(r.nats) - effects.get(family(r.model), 0.0) for r in table if r.option == option]
        kind = "fp8_inputs" if option in WITH_INPUTS else "integer_inputs"
        formats[option] = kind, None, math.exp(float(np.mean(values)))
    weights_part = formats["fp8"][2] / 2 / formats["fp8_weight_only"][2]
    for option in [option for option, (kind, *_) in formats.items() if kind == "fp8"]:
        kind, size, nats = formats[option]
        formats[option] = kind, size, weights_part * nats
    # the cache: q8_0 as published; 5-bit values cost (0.001759 - floor) more, twice that for keys too
    eight = next(r.nats for r in table if r.option == "kv_q8_0")
    five = eight + 2 * (0.001759 - FLOOR)
    slope = math.log(five / eight) / (6.0 - 8.5)
    for option, size in {"kv_q8_0": 8.5, "kv8": 8.1, "kv_fp8": 7.0, "kv_q5_1": 6.0, "kv_q5_0": 5.5, "kv_q4_1": 5.0,
                         "kv4": 5.0, "kv_q4_0": 4.5}.items():  # fmt: skip
        formats[option] = "cache", size, eight * math.exp(slope * (size - 8.5))
    write(table, formats, effects, spreads, lines)
    print(f"{len(table)} rows, {len(data)} in the fit;", {k: round(v, 3) for k, v in spreads.items()})
    for law, (a, b) in lines.items():
        print(f"  {law}: ln nats = {a:.3f} + {b:.3f} x")
    return 0


def write(table, formats, effects, spreads, lines) -> None:  # type: ignore[no-untyped-def]
    sources = list(dict.fromkeys((row.source, row.licence) for row in table))
    text = [HEAD, f"spreads: {{{', '.join(f'{k}: {v:.3f}' for k, v in spreads.items())}}}\n"]
    text.append("# ln nats = a + b x, x: bits, or ln of the relative squared error (simple)\nlaws:\n")
    text += [f"  {law}: [{a:.4f}, {b:.4f}]\n" for law, (a, b) in lines.items()]
    text.append("# effect of a family on ln nats\nfamilies:\n")
    text += [f"  {name}: {value:.3f}\n" for name, value in effects.items()]
    seen = {formats[row.option][0] for row in table if row.option in formats} - {"cache"}
    text.append("# estimates of formats, for a family of no effect; all are of the laws [estimated]\nformats:\n")
    for option, (kind, bits, nats) in sorted(formats.items()):
        about = f", bits: {bits:g}" if bits else ""
        unseen = f", spread: {UNSEEN}" if kind not in seen and option not in {row.option for row in table} else ""
        text.append(f"  {option}: {{kind: {kind}{about}, nats: {nats:.4g}{unseen}}}\n")
    text.append("sources:\n")
    text += [f"  {i}: {{source: {name!r}, licence: {licence!r}}}\n" for i, (name, licence) in enumerate(sources)]
    text.append("rows:\n")
    for row in table:
        calibration = row.calibration if row.calibration == "none" else repr(row.calibration)
        source = sources.index((row.source, row.licence))
        text.append(
            f"  - {{model: {row.model}, option: {row.option}, nats: {row.nats:.4g}, measure: {row.measure}, "
            f"calibration: {calibration}, source: {source}}}\n"
        )
    (ROOT / "conf" / "quality.yaml").write_text("".join(text), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
