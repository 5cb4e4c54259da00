"""Every number that a forecast can report: name -> function of a Run, units, long name."""

from collections.abc import Callable, Mapping

from life_jax.core.cost import Cost
from life_jax.core.numerics import Number, where
from life_jax.core.scenario import Scenario
from life_jax.forecasting import attribution as ledger
from life_jax.forecasting import energy, intervals, memory, speculation, weights
from life_jax.forecasting.loss_batch import loss_batch
from life_jax.forecasting.metric import Metric
from life_jax.forecasting.metrics_under_load import metrics_under_load
from life_jax.forecasting.request import Run
from life_jax.roofline.roofs import BOUNDS


def _whole_bound(run: Run) -> Number:
    steps = where(run.decode_steps > 0, run.decode_steps, 0.0)
    return (run.prefill_shares + run.decode_shares.times(steps)).bound


def _counts(step: str, of: str, cost: Callable[[Run], Cost]) -> dict[str, Metric]:
    """Metrics of what a step counts, before any hardware; `of` names the step in their long names."""
    return {
        f"{step}_flops": Metric(lambda r: cost(r).flops, "FLOP", f"operations of {of}"),
        f"{step}_bytes_read": Metric(lambda r: cost(r).bytes_read, "byte", f"bytes read in {of}"),
        f"{step}_bytes_written": Metric(lambda r: cost(r).bytes_written, "byte", f"bytes written in {of}"),
        f"{step}_kv_bytes_read": Metric(lambda r: cost(r).kv_read, "byte", f"bytes of the KV cache read in {of}"),
        f"{step}_dispatches": Metric(lambda r: cost(r).dispatches, "1", f"kernels started in {of}"),
    }


def _roofs(step: str, of: str, time: Callable[[Run, str], Number]) -> dict[str, Metric]:
    """Metrics of the seconds that a step would take on one roof alone: all of its work, whatever overlaps."""
    return {
        f"{step}_compute_time": Metric(
            lambda r: time(r, "matmul") + time(r, "vector"), "s", f"computation of {of}, without anything else"
        ),
        f"{step}_memory_time": Metric(
            lambda r: time(r, "memory"), "s", f"memory traffic of {of}, without anything else"
        ),
    }


def _tokens(run: Run) -> Number:
    """Generated tokens [token] of the whole batch; NaN of an encoder, which generates none."""
    if run.scenario.architecture.generation == "none":
        return float("nan")
    return run.scenario.workload.batch * run.scenario.workload.output_tokens


def _speed_up(run: Run) -> Number:
    return 1.0 + 0.0 * run.tpot if run.scenario.speculation.is_off else run.plain.tpot / run.tpot


def _per_step(run: Run) -> Number:
    drafts = run.scenario.speculation
    tokens = 1.0 if drafts.is_off else speculation.accepted(drafts)
    return where(run.decode_steps > 0, tokens, float("nan"))


def _costs() -> dict[str, Metric]:
    """Metrics of what devices and electricity, or rents, cost beside the cost of a million generated tokens."""

    def decode(r: Run) -> Number:
        return energy.usd(r.scenario, r.decode_steps * r.decode_seconds, r.energy - r.prefill_energy)

    def prompts(r: Run) -> Number:
        return r.scenario.workload.batch * r.scenario.workload.prompt_tokens

    return {
        "cost_per_input_mtoken": Metric(
            lambda r: 1e6 * energy.usd(r.scenario, r.ttft, r.prefill_energy) / prompts(r),
            "USD",
            "devices and electricity for prefill of a million prompt tokens",
            needs="power",
        ),
        "cost_per_output_mtoken": Metric(
            lambda r: 1e6 * decode(r) / _tokens(r),
            "USD",
            "devices and electricity for decode of a million generated tokens, prefill apart",
            needs="power",
        ),
        "tokens_per_usd": Metric(
            lambda r: _tokens(r) / energy.usd(r.scenario, r.e2e, r.energy),
            "token USD-1",
            "generated tokens for a dollar, prefill included",
            needs="power",
            better="high",
        ),
        "usd_per_hour": Metric(
            lambda r: energy.usd_per_hour(r.scenario),
            "USD h-1",
            "devices at full power, or their rent, for an hour",
            needs="power",
        ),
    }


def _bounds(name: str, of: str) -> dict[str, Metric]:
    """Metrics of the interval in which 80 % of measurements lie, for devices that the fit had not seen.

    NaN for an engine that is not fitted.
    """

    def metric(end: str, side: float) -> Metric:
        long_name = f"{of}, {end} end of the 80 % interval"
        return Metric(lambda r: intervals.bound(r, name, side), "s", long_name, needs="spreads")

    return {f"{name}_low": metric("lower", -1.0), f"{name}_high": metric("upper", 1.0)}


def _kept() -> dict[str, Metric]:
    """Metrics of what the options keep of the model's likelihood; NaN where nothing is known of one of them."""

    def metric(end: str, name: str) -> Metric:
        def value(run: Run) -> Number:
            kept = getattr(run.scenario.quality, end)
            return where(kept > 0, kept, float("nan"))

        return Metric(
            value, "1", f"part of the base model's likelihood that is kept{name}", better="high", needs="quality"
        )

    return {
        "quality": metric("kept", ", a token"),
        "quality_low": metric("low", ", lower end of the 80 % interval"),
        "quality_high": metric("high", ", upper end of the 80 % interval"),
    }


METRICS: dict[str, Metric] = {
    "ttft": Metric(lambda r: r.ttft, "s", "time to first token", ledger=ledger.ttft),
    "tpot": Metric(
        lambda r: r.tpot, "s", "time per output token after the first, mean over generation", ledger=ledger.tpot
    ),
    "tps": Metric(
        lambda tpot: 1 / tpot,
        "token s-1",
        "tokens per second of one sequence (1 / tpot)",
        of="tpot",
        slope=lambda tpot: -1 / (tpot * tpot),
        better="high",
    ),
    "throughput": Metric(
        lambda r: r.scenario.workload.batch / r.tpot,
        "token s-1",
        "decode tokens per second of the whole batch",
        better="high",
    ),
    "tokens_per_step": Metric(_per_step, "token", "tokens of a sequence that a decode step makes", better="high"),
    "speedup": Metric(_speed_up, "1", "time per output token without drafts over that with them", better="high"),
    "loss_batch": Metric(
        lambda r: loss_batch(r.scenario),
        "1",
        "batch at which drafts begin to cost time, inf where they never do",
        stepwise=True,
        better="high",
    ),
    "e2e": Metric(lambda r: r.e2e, "s", "time from request to last token", ledger=ledger.e2e),
    "e2e_throughput": Metric(
        lambda r: _tokens(r) / r.e2e,
        "token s-1",
        "generated tokens per second of the whole batch, prefill included",
        better="high",
    ),
    "memory": Metric(lambda r: memory.memory(r.scenario).needed, "byte", "memory needed on each device"),
    "available_memory": Metric(
        lambda r: memory.memory(r.scenario).available, "byte", "memory that may be filled on each device", better="high"
    ),
    "host_memory": Metric(
        lambda r: memory.on_host(r.scenario)[0] + 0.0 * r.scenario.workload.batch,
        "byte",
        "weights and cache on the device of offload.hw",
    ),
    "disk_memory": Metric(
        lambda r: weights.on_disk(r.scenario)[0] + 0.0 * r.scenario.workload.batch,
        "byte",
        "weights that stay on a disk",
    ),
    "weight_memory": Metric(lambda r: memory.memory(r.scenario).weights, "byte", "weights on each device"),
    "kv_memory": Metric(lambda r: memory.memory(r.scenario).kv, "byte", "KV cache on each device, generation over"),
    "fits_memory": Metric(
        lambda r: memory.fits(r.scenario),
        "1",
        "fits in the memory of each device",
        "flag",
        better="high",
    ),
    "max_batch": Metric(
        lambda r: memory.max_batch(r.scenario),
        "1",
        "largest batch of this length that fits",
        stepwise=True,
        better="high",
    ),
    "max_context": Metric(
        lambda r: memory.max_context(r.scenario),
        "token",
        "longest context at this batch that fits",
        stepwise=True,
        better="high",
    ),
    "energy": Metric(lambda r: r.energy, "J", "energy of the whole batch from request to last token", needs="power"),
    "prefill_energy": Metric(lambda r: r.prefill_energy, "J", "energy of prefill", needs="power"),
    "decode_energy": Metric(
        lambda r: r.decode_energy, "J", "energy of a decode step, mean over generation", needs="power"
    ),
    "energy_per_token": Metric(
        lambda r: r.energy / _tokens(r), "J token-1", "energy for each generated token, prefill included", needs="power"
    ),
    "power": Metric(
        lambda r: r.energy / r.e2e, "W", "mean power from request to last token, of all devices", needs="power"
    ),
    **_kept(),
    "devices": Metric(
        lambda r: r.scenario.engine.parallelism.devices + 0.0 * r.scenario.workload.batch,
        "1",
        "devices of the layout",
        stepwise=True,
    ),
    "price": Metric(lambda r: energy.price(r.scenario), "USD", "price of the devices by the cost file"),
    "cost_per_mtoken": Metric(
        lambda r: 1e6 * energy.usd(r.scenario, r.e2e, r.energy) / _tokens(r),
        "USD",
        "devices and electricity for a million generated tokens, prefill included",
        needs="power",
    ),
    **_costs(),
    **_bounds("ttft", "time to first token"),
    **_bounds("tpot", "time per output token"),
    **_bounds("e2e", "time from request to last token"),
    "extrapolated": Metric(
        intervals.is_extrapolated,
        "1",
        "nothing like it was measured (engine, class of device, build, experts, context, batch): intervals are wider",
        "flag",
    ),
    **_counts("prefill", "the whole prefill", lambda r: r.prefill_cost),
    **_counts("decode", "the first decode step", lambda r: r.decode_cost),
    **_roofs("prefill", "prefill", lambda r, term: r.prefill_time(term)),
    **_roofs("decode", "a decode step", lambda r, term: r.decode_time(term)),
    "bound": Metric(
        _whole_bound,
        "1",
        "what takes most of the request's time",
        "bound",
        better=None,
    ),
    "prefill_bound": Metric(
        lambda r: r.prefill_shares.bound,
        "1",
        "what takes most of prefill",
        "bound",
        better=None,
    ),
    "decode_bound": Metric(
        lambda r: r.decode_shares.bound,
        "1",
        "what takes most of a decode step",
        "bound",
        better=None,
    ),
    **metrics_under_load(),
}
DEFAULT = ("ttft", "tpot", "tps")

__all__ = ["BOUNDS", "DEFAULT", "METRICS", "forecast"]


def forecast(scenario: Scenario, metrics: tuple[str, ...] = DEFAULT) -> dict[str, Number]:
    """Metrics by name, in base units (seconds, bytes, token/s).

    `scenario` is a pytree of floats: jit, vmap and differentiate this function in any of its leaves. Nothing is checked
    here and nothing raises: `life_jax.load` checks before.
    """
    run = Run(scenario)
    values = {name: _where_possible(name, METRICS[name].function(run), run) for name in direct(metrics)}
    values.update(derive(values, metrics))
    return {name: values[name] for name in metrics}


def _where_possible(name: str, value: Number, run: Run) -> Number:
    """The metric where the layout over devices divides the model, else NaN; of a flag, false. A bound stays."""
    kind = METRICS[name].kind
    if run.possible is None or kind == "bound":
        return value
    return where(run.possible, value, False if kind == "flag" else float("nan"))


def direct(metrics: tuple[str, ...]) -> tuple[str, ...]:
    """The metrics that must be computed from a scenario so that `derive` makes the rest."""
    return tuple(dict.fromkeys(METRICS[name].of or name for name in metrics))


def derive(values: Mapping[str, Number], metrics: tuple[str, ...]) -> dict[str, Number]:
    """The metrics among `metrics` that are functions of another metric.

    values: of all metrics that `direct` names.
    """
    return {name: METRICS[name].function(values[of]) for name in metrics if (of := METRICS[name].of) is not None}
