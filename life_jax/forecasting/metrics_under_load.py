"""What requests see under load, what the engine serves and what that costs: metrics by name."""

from life_jax.forecasting.load_costs import load_costs
from life_jax.forecasting.metric import Metric


def metrics_under_load() -> dict[str, Metric]:
    """Metrics of what requests see under load, and of what the engine serves."""

    def time(name: str, of: str, percentile: float | None) -> Metric:
        which = "mean" if percentile is None else f"{percentile:g}th percentile"
        over = "tokens" if name == "itl" else "requests"
        return Metric(
            lambda r: r.under_load.time(name, percentile), "s", f"{of} under load, {which} over {over}", needs="load"
        )

    def number(of: str, unit: str, name: str, better: str | None = "high", stepwise: bool = False) -> Metric:
        return Metric(lambda r: getattr(r.under_load, of), unit, name, better=better, stepwise=stepwise, needs="load")

    times = {"ttft": "time to first token", "tpot": "time per output token"}
    percentiles = {"mean": None, "p50": 50.0, "p90": 90.0, "p99": 99.0}
    return {
        **{f"{n}_{p}": time(n, of, value) for n, of in times.items() for p, value in percentiles.items()},
        "itl_p99": time("itl", "time between two tokens", 99.0),
        "request_rate": number("request_rate", "s-1", "requests served per second"),
        "output_rate": number("output_rate", "token s-1", "generated tokens per second, of all requests"),
        "concurrency": number("concurrency", "1", "requests that are there at once, mean", None),
        "utilization": number("utilization", "1", "requests served over the largest rate that is steady", None),
        "goodput": number(
            "goodput", "s-1", "requests per second that meet load.ttft_limit and tpot_limit", stepwise=True
        ),
        "max_rate": number(
            "max_rate", "s-1", "largest request rate at which load.percentile of requests meets the limits"
        ),
        **_costs_under_load(),
    }


def _costs_under_load() -> dict[str, Metric]:
    """Metrics of the energy and the cost of requests under load."""

    def of(what: str, unit: str, name: str) -> Metric:
        return Metric(lambda r: getattr(load_costs(r.under_load), what), unit, name, needs="load")

    return {
        "load_power": of("power", "W", "mean power of all devices under load"),
        "energy_per_request": of("energy_per_request", "J", "energy for each request, idle power shared by all"),
        "energy_per_input_token": of("energy_per_input_token", "J token-1", "energy for a prompt token under load"),
        "energy_per_output_token": of("energy_per_output_token", "J token-1", "energy for an output token under load"),
        "cost_per_request": of("cost_per_request", "USD", "devices and electricity, or rent, for each request"),
        "load_cost_per_input_mtoken": of("cost_per_input_mtoken", "USD", "cost of a million prompt tokens at load"),
        "load_cost_per_output_mtoken": of(
            "cost_per_output_mtoken", "USD", "cost of a million output tokens under load"
        ),
    }
