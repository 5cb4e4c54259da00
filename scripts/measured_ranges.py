"""What measured rows are of, by engine and class of devices: the facts that life_jax/config/support.py reads."""

from collections.abc import Iterable

from life_jax.config import conf_files
from life_jax.config.schema.model_file import ModelFile
from life_jax.config.support import year_of
from life_jax.measurements.rows import Setting

STEPS = {"TTFT": ("prefill",), "TPOT": ("decode",), "TOTAL": ("prefill", "decode")}  # that a row tells of


def has_experts(model: str) -> bool:
    """Whether a model (label or path) is a mixture of experts."""
    return bool(conf_files.file("model", model, ModelFile).num_experts)


def context(s: Setting, kind: str) -> float:
    """Positions that a step of a row attends at most [token], of a TTFT those of the prompt; of a compiled program all
    that it was compiled for."""
    prompt = s.past_tokens + s.prompt_tokens
    own = conf_files.engine_file(s.engine).graph_tokens
    return max(prompt if kind == "TTFT" else prompt + s.output_tokens, 0.0 if own is None else s.graph_tokens or own)


def ranges(settings: Iterable[Setting]) -> dict[str, dict]:
    """{engine: {"newest": year, "classes": {class: {step: [longest context [token], largest batch, experts]}}}}.

    newest: of the rows that say their date; experts: whether a row is of a mixture of experts.
    """
    found: dict[str, dict] = {}
    for s in settings:
        of = found.setdefault(s.engine, {"classes": {}})
        year = year_of(s.date)
        if year is not None:
            of["newest"] = max(of.get("newest", year), year)
        steps = of["classes"].setdefault(conf_files.efficiency_class(s.hw), {})
        for step in STEPS.get(s.kind, ()):
            longest, largest, experts = steps.get(step, (0, 0, False))
            kind = "TTFT" if step == "prefill" else s.kind
            steps[step] = [
                max(longest, round(context(s, kind))),
                max(largest, round(s.batch)),
                experts or has_experts(s.model),
            ]
    return found
