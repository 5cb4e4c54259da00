"""Energy and cost of requests under load: devices that run whether requests come or not, and the work of each request.

A request's prompt takes what steps with prompts take beyond steps without, its output a part of every step that it
decodes in. Idle power and the devices themselves, bought or rented, are shared by all requests that are served; between
input and output they are shared by the time of both.
"""

from dataclasses import dataclass
from functools import cached_property

from life_jax.core.engine import PREFILL_FIRST
from life_jax.core.numerics import Number, divide, larger, where
from life_jax.core.scenario import Scenario
from life_jax.core.speculation import LOOKUP
from life_jax.forecasting import energy
from life_jax.forecasting.places import sent_bytes
from life_jax.forecasting.pools import sides
from life_jax.forecasting.step_law import energy_law
from life_jax.forecasting.under_load import INFINITE, NOTHING, UnderLoad
from life_jax.serving.mixed_steps import of_others
from life_jax.serving.pooled_steady import PooledSteady
from life_jax.serving.steady_state import Steady
from life_jax.serving.step_law import StepLoad

MILLION = 1e6
HOUR = energy.SECONDS_PER_HOUR


def _steady_of(under: UnderLoad) -> Steady:
    """The steady state of replicas that do both."""
    assert isinstance(under.steady, Steady)
    return under.steady


@dataclass(frozen=True)
class LoadCosts:
    """Energy and cost of the requests that are served; above the capacity, of as many as are.

    Infinite where none is served; NaN without a load, of a device without a power, and with a draft, whose energy is
    not known under load.
    """

    under: UnderLoad

    @cached_property
    def _work(self) -> tuple[Number, Number]:
        """Energy beyond idle power [J] of a request's prompt, and of its output."""
        under, requested = self.under, self.under.requested
        steady = _steady_of(under)
        s, decoding = steady.steps, steady.decoding
        alone = under.scheduler.mixing == PREFILL_FIRST
        law, groups = energy_law(under.scenario), under.scenario.engine.parallelism.data_parallel
        others = of_others(under.scheduler, decoding, s.part * s.tokens)
        context, width = requested.context, requested.width
        decode = law.seconds(StepLoad(decoding, decoding * context, others=others, width=width)) / groups
        pairs = requested.pairs(requested.prompt.average * (1 + requested.prompt.variation))
        beside = 0.0 if alone else decoding
        prompts = StepLoad(
            beside, beside * context, s.tokens, s.tokens * pairs, 1.0, 1.0, others=others, width=width
        )  # fmt: skip
        both = law.seconds(prompts) / groups
        of_prompts = both if alone else larger(both - decode, 0.0)
        return of_prompts / s.tokens * requested.new, requested.decoded * decode / decoding

    @cached_property
    def _times(self) -> tuple[Number, Number]:
        """Time of the devices [s] that a request's prompt takes, and its output."""
        steady, requested = _steady_of(self.under), self.under.requested
        s = steady.steps
        return s.extra / s.tokens * requested.new, requested.decoded * s.decode / steady.decoding

    @property
    def _is_known(self) -> bool:
        drafts = self.under.scenario.speculation
        return (self.under.is_open or self.under.is_closed) and (drafts.is_off or drafts.drafter == LOOKUP)

    def _of_served(self, value: Number) -> Number:
        return where(self.under.request_rate > 0, value, INFINITE) if self._is_known else NOTHING

    @property
    def _idle(self) -> Number:
        """Power [W] of all devices of all replicas when they do nothing."""
        return energy.idle_power(self.under.scenario) * self.under.scenario.load.replicas

    @property
    def power(self) -> Number:
        """Mean power of all devices [W]."""
        if not self._is_known:
            return NOTHING
        return self._idle + where(self.under.request_rate > 0, self.under.request_rate * sum(self._work), 0.0)

    @property
    def energy_per_request(self) -> Number:
        """Energy of a request with its share of idle power [J]."""
        return self._of_served(divide(self.power, self.under.request_rate) if self._is_known else NOTHING)

    @property
    def cost_per_request(self) -> Number:
        """Devices and electricity, or their rent, for a request [USD]."""
        if not self._is_known:
            return NOTHING
        hour = energy.usd(self.under.scenario, self.under.scenario.load.replicas * HOUR, self.power * HOUR)
        return self._of_served(divide(hour, HOUR * self.under.request_rate))

    def _input_part(self, parts: tuple[Number, Number]) -> Number:
        return parts[0] / (parts[0] + parts[1])

    def _energy(self, part: Number, work: Number) -> Number:
        """Energy [J] of a part of a request: its own work, and idle power by its part [1] of the time."""
        idle = divide(self._idle, self.under.request_rate)
        return self._of_served(part * idle + work)

    @property
    def energy_per_input_token(self) -> Number:
        """Energy [J] for each token of prompts."""
        if not self._is_known:
            return NOTHING
        return self._energy(self._input_part(self._times), self._work[0]) / self.under.requested.prompt.average

    @property
    def energy_per_output_token(self) -> Number:
        """Energy [J] for each generated token."""
        if not self._is_known:
            return NOTHING
        return self._energy(1 - self._input_part(self._times), self._work[1]) / self.under.requested.output.average

    @property
    def cost_per_input_mtoken(self) -> Number:
        """Cost [USD] of a million tokens of prompts."""
        if not self._is_known:
            return NOTHING
        return MILLION * self.cost_per_request * self._input_part(self._times) / self.under.requested.prompt.average

    @property
    def cost_per_output_mtoken(self) -> Number:
        """Cost [USD] of a million generated tokens."""
        if not self._is_known:
            return NOTHING
        part = 1 - self._input_part(self._times)
        return MILLION * self.cost_per_request * part / self.under.requested.output.average


@dataclass(frozen=True)
class PoolCosts(LoadCosts):
    """The same where one pool prefills and another decodes: each pays for its own part of a request."""

    @cached_property
    def _steady(self) -> PooledSteady:
        steady = self.under.steady
        assert isinstance(steady, PooledSteady)
        return steady

    @cached_property
    def _of_pools(self) -> tuple[tuple[Scenario, Number], tuple[Scenario, Number]]:
        """What a replica of each pool is, and their number [1]."""
        first, second = sides(self.under.scenario)
        load = self.under.scenario.load
        return (first, load.prefill_replicas), (second, load.replicas)

    @cached_property
    def _work(self) -> tuple[Number, Number]:
        """Energy beyond idle power [J] of a request's prompt, that of its transfer included, and of its output."""
        (first, _), (second, _) = self._of_pools
        requested, steady = self.under.requested, self._steady
        tokens, decoding = steady.first.tokens, steady.decoding
        pairs = requested.pairs(requested.prompt.average * (1 + requested.prompt.variation))
        prompts = larger(tokens / requested.new, 1.0)
        groups = first.engine.parallelism.data_parallel
        step = StepLoad(0.0, 0.0, tokens, tokens * pairs, prompts, prompts)
        of_prompt = energy_law(first).seconds(step) / groups / tokens * requested.new
        sent = first.costs.link_energy * sent_bytes(self.under.scenario, requested.prompt.average)
        load = StepLoad(decoding, decoding * requested.context, width=requested.width)
        of_output = energy_law(second).seconds(load) / second.engine.parallelism.data_parallel
        return of_prompt + sent, requested.decoded * of_output / decoding

    @property
    def _idles(self) -> tuple[Number, Number]:
        """Power [W] of all devices of each pool when they do nothing."""
        first, second = (energy.idle_power(s) * replicas for s, replicas in self._of_pools)
        return first, second

    @property
    def _idle(self) -> Number:
        return sum(self._idles)

    @cached_property
    def _usd(self) -> tuple[Number, Number]:
        """Cost [USD] of each pool for a request."""
        rate, work = self.under.request_rate, self._work
        hours = [
            energy.usd(s, replicas * HOUR, (idle + rate * joules) * HOUR)
            for (s, replicas), idle, joules in zip(self._of_pools, self._idles, work, strict=True)
        ]
        first, second = (divide(hour, HOUR * rate) for hour in hours)
        return first, second

    @property
    def cost_per_request(self) -> Number:
        """Devices and electricity, or their rent, for a request [USD]."""
        return self._of_served(sum(self._usd)) if self._is_known else NOTHING

    def _energy_of(self, pool: int) -> Number:
        """Energy [J] of a request in a pool, with its share of idle power."""
        return self._of_served(divide(self._idles[pool], self.under.request_rate) + self._work[pool])

    @property
    def energy_per_input_token(self) -> Number:
        """Energy [J] for each token of prompts."""
        return self._energy_of(0) / self.under.requested.prompt.average if self._is_known else NOTHING

    @property
    def energy_per_output_token(self) -> Number:
        """Energy [J] for each generated token."""
        return self._energy_of(1) / self.under.requested.output.average if self._is_known else NOTHING

    @property
    def cost_per_input_mtoken(self) -> Number:
        """Cost [USD] of a million tokens of prompts."""
        if not self._is_known:
            return NOTHING
        return self._of_served(MILLION * self._usd[0] / self.under.requested.prompt.average)

    @property
    def cost_per_output_mtoken(self) -> Number:
        """Cost [USD] of a million generated tokens."""
        if not self._is_known:
            return NOTHING
        return self._of_served(MILLION * self._usd[1] / self.under.requested.output.average)


def load_costs(under: UnderLoad) -> LoadCosts:
    """Energy and cost of a scenario's requests under load."""
    return LoadCosts(under) if under.pools is None else PoolCosts(under)
