"""The whole forecast of a request: scenario -> graph -> cost -> seconds. Scalar and pure: jit, vmap, differentiate."""

from dataclasses import dataclass, replace
from functools import cached_property

from life_jax.core.cost import Cost
from life_jax.core.graph import OUTSIDE
from life_jax.core.numerics import Number, divide, is_fixed_at, larger, where
from life_jax.core.places import SHARED
from life_jax.core.scenario import UNPUBLISHED
from life_jax.core.schedule import Passes
from life_jax.core.speculation import Speculation
from life_jax.forecasting import energy, layout, places, speculation
from life_jax.forecasting.drafting import Drafting
from life_jax.forecasting.messages import handover_seconds
from life_jax.forecasting.pass_times import PassTimes
from life_jax.forecasting.step import host_seconds
from life_jax.forecasting.under_load import UnderLoad
from life_jax.parallelism.layout import step_of_one
from life_jax.parallelism.pipeline_parallel import Stages, layers_of_stages, stages
from life_jax.roofline.roofs import Shares, step_seconds


@dataclass(frozen=True)
class Run(PassTimes):
    """Passes, times, counts and energies of one scenario; every metric is a function of it."""

    @cached_property
    def under_load(self) -> UnderLoad:
        """What requests of the scenario's load see."""
        return UnderLoad(self.scenario)

    @cached_property
    def drafting(self) -> Drafting | None:
        """What computes drafts; None where nothing does."""
        draft = speculation.draft_scenario(self.scenario)
        if draft is None:
            return None
        return Drafting(Run(draft), speculation.draft_passes(self.scenario, self.decode), self.micro_batches)

    @cached_property
    def plain(self) -> "Run":
        """The same without drafts."""
        return Run(replace(self.scenario, speculation=Speculation()))

    @property
    def drafting_seconds(self) -> Number:
        """Time [s] that drafts take in a decode step, mean."""
        return self.drafting_host if self.drafting is None else self.drafting_host + self.drafting.seconds

    @property
    def drafting_host(self) -> Number:
        """Host time [s] of drafting in a decode step of a micro-batch."""
        mine = step_of_one(self.decode.first, self.scenario.engine.parallelism)
        return sum(speculation.host_seconds(self.scenario, mine.batch).values())

    @property
    def decode_steps(self) -> Number:
        """Number of decode steps [1]."""
        return self.decode.count

    @cached_property
    def possible(self) -> Number | None:
        """Whether the layout over devices divides the model; None where nothing is divided."""
        mine = layout.is_possible(self.scenario)
        if self.drafting is None or mine is None:
            return mine
        of_draft = layout.is_possible(self.drafting.run.scenario)
        return mine if of_draft is None else 1.0 * mine * of_draft > 0

    @cached_property
    def ttft(self) -> Number:
        """Time to first token [s], that of prefill; NaN on a device without a published compute rate."""
        seconds = sum(passes.count * self.mean_seconds(passes) for passes in self.prefill)
        if self.scenario.engine.parallelism.in_pipeline:
            seconds = self._prefill_in_stages()
        seconds = seconds + self.scenario.engine.host.request
        if self.scenario.handover.on:
            return self._from_other_devices()
        if self.drafting is not None:  # which reads the prompt too
            seconds = seconds + self.drafting.run.ttft
        return where(self.scenario.device.rates["linear"] < UNPUBLISHED, seconds, float("nan"))

    @cached_property
    def prefilling(self) -> "Run":
        """The same on the devices that prefill."""
        return Run(places.prefilling(self.scenario)) if self.scenario.handover.on else self

    @property
    def transfer(self) -> Number:
        """Seconds [s] in which the cache goes from devices that prefill to those that decode."""
        return (
            places.handover_seconds(self.scenario, self.scenario.workload.batch) if self.scenario.handover.on else 0.0
        )

    def _from_other_devices(self) -> Number:
        """Time to first token [s] where prompts are prefilled elsewhere: the first token is seen when decode begins."""
        return self.prefilling.ttft + self.transfer + self.contention[0]

    @cached_property
    def contention(self) -> tuple[Number, Number]:
        """Seconds [s] by which prefill and each decode step last longer where two processors of a package read its
        memory at the same time, each for another request: both in proportion, where together they ask for more than it
        gives."""
        h = self.scenario.handover
        if not h.on or h.memory != SHARED or is_fixed_at(h.concurrent, 0):
            return 0.0, 0.0
        alone = self.prefilling.ttft, self._decode_alone
        asked = self.prefilling.prefill_cost.bytes / alone[0], self.decode_cost.bytes / alone[1]
        prefill, decode = places.slowed(self.scenario, asked, h.concurrent)
        return alone[0] * prefill, alone[1] * decode

    @cached_property
    def decode_seconds(self) -> Number:
        """Mean time of the decode steps [s], each with one more token of context than the step before."""
        return self._decode_alone + self.contention[1]

    @cached_property
    def _decode_alone(self) -> Number:
        """The same on devices that nothing else keeps busy."""
        if not self.scenario.engine.parallelism.in_pipeline:
            seconds = self.mean_seconds(self.decode)
            return seconds if self.scenario.speculation.is_off else seconds + self.drafting_seconds
        return self.in_stages(self.decode, self.drafting_seconds)

    def in_stages(self, passes: Passes, drafting: Number = 0.0) -> Number:
        """Seconds [s] between a step and the next of the same sequence in a pipeline: a token needs the one before it,
        and stages wait for the slowest of them. drafting [s]: of each micro-batch, behind the last stage."""
        decode = self._stages(passes)
        return larger(decode.whole + drafting, self.micro_batches * (decode.slowest + drafting))

    def _prefill_in_stages(self) -> Number:
        """Seconds [s] in which all micro-batches with all their chunks go through a pipeline, one behind the other: the
        sum of their times in the slowest stage, and what the longest of them takes in the others.

        Reference: Pinedo 2016, Scheduling, 6.1: the makespan of a proportionate flow shop.
        """
        others: Number = 0.0
        for passes in self.prefill:
            longest = passes if passes.single else Passes(passes.at(larger(passes.count - 1, 0.0)))  # most context
            last = self._stages(longest)
            others = larger(others, where(passes.count > 0, last.whole - last.slowest, 0.0))
        return sum(p.count * self.micro_batches * self._stages(p).slowest for p in self.prefill) + others

    def _stages(self, passes: Passes) -> Stages:
        """Seconds of one of the passes in a pipeline."""
        whole, middle = self.mean_seconds(passes), passes.middle
        ends = step_seconds(self.roofs(op for op in self.graph(middle) if op.block == OUTSIDE), self.smoothness)
        layout, layers = self.scenario.engine.parallelism, sum(b.repeats for b in self.scenario.architecture.blocks)
        return stages(
            whole=whole,
            ends=ends,
            host=sum(host_seconds(self.scenario, middle).values()),
            layers=layers,
            handover=handover_seconds(self.scenario, middle),
            parts=layers_of_stages(layout, layers),
            count=layout.pipeline_parallel,
        )

    @cached_property
    def tpot(self) -> Number:
        """Time per output token [s], as `decode_seconds` of so many steps; NaN where there is no decode step."""
        seconds = self.decode_seconds
        if not self.scenario.speculation.is_off:
            seconds = seconds * divide(self.decode_steps, self.scenario.workload.output_tokens - 1)
        if not is_fixed_at(self.scenario.architecture.steps_per_token, 1):
            seconds = seconds * self.scenario.architecture.steps_per_token
        return where(self.decode_steps > 0, seconds, float("nan"))

    @cached_property
    def e2e(self) -> Number:
        """Time from request to last token [s]; a single generated token needs no decode step."""
        return self.ttft + self.decode_steps * self.decode_seconds

    @cached_property
    def prefill_cost(self) -> Cost:
        """Counts of the whole prefill."""
        total = Cost()
        for passes in self.prefill:
            total = total + self.graph(passes.middle).cost.times(passes.count)
        total = self.of_all_devices(total)
        return total if self.drafting is None else total + self.drafting.run.prefill_cost

    def of_all_devices(self, cost: Cost) -> Cost:
        """Counts of all devices, from those of a micro-batch on the devices that attend together."""
        layout = self.scenario.engine.parallelism
        groups = layout.data_parallel * layout.context_parallel * self.micro_batches
        return cost if is_fixed_at(groups, 1) else cost.times(groups)

    def prefill_time(self, term: str) -> Number:
        """Seconds [s] of prefill on one roof alone: matmul, vector, memory or dispatch (LIFE's t_c and t_m)."""
        return sum(passes.count * self.pass_time(passes, term) for passes in self.prefill)

    def decode_time(self, term: str) -> Number:
        """Seconds [s] of a decode step on one roof alone, at the middle of generation; term as in `prefill_time`."""
        seconds = self.pass_time(self.decode, term)
        return seconds if self.drafting is None else seconds + self.drafting.time(term)

    @cached_property
    def decode_cost(self) -> Cost:
        """Counts of the first decode step."""
        cost = self.of_all_devices(self.graph(self.decode.at(0.0)).cost)
        return cost if self.drafting is None else cost + self.drafting.cost

    @cached_property
    def prefill_shares(self) -> Shares:
        """Seconds of prefill by what binds (BOUNDS)."""
        if self.scenario.handover.on:
            return self.prefilling.prefill_shares + Shares(link=self.transfer)
        total = Shares(host=self.scenario.engine.host.request)
        for passes in self.prefill:
            total = total + self.pass_shares(passes).times(passes.count)
        return total if self.drafting is None else total + self.drafting.run.prefill_shares

    @cached_property
    def decode_shares(self) -> Shares:
        """Seconds of a decode step, at the middle of generation, by what binds (BOUNDS)."""
        shares = self.pass_shares(self.decode)
        if not self.scenario.speculation.is_off:
            shares = shares + Shares(host=self.drafting_host)
        return shares if self.drafting is None else shares + self.drafting.shares

    @cached_property
    def prefill_energy(self) -> Number:
        """Energy [J] of prefill, idle power included."""
        run = self.prefilling
        joules = sum(passes.count * run.dynamic(passes) for passes in run.prefill)
        if self.drafting is not None:
            run = self.drafting.run
            joules = joules + sum(passes.count * run.dynamic(passes) for passes in run.prefill)
        return joules + energy.idle_power(self.scenario) * self.ttft

    @cached_property
    def decode_energy(self) -> Number:
        """Energy [J] of a decode step, mean over generation, idle power included."""
        seconds = self.tpot
        if not self.scenario.speculation.is_off:
            seconds = where(self.decode_steps > 0, self.decode_seconds, float("nan"))
        return self._decode_dynamic + energy.idle_power(self.scenario) * seconds

    @property
    def _decode_dynamic(self) -> Number:
        """Energy [J] of a decode step beyond idle power, that of drafts included."""
        joules = self.dynamic(self.decode)
        return joules if self.drafting is None else joules + self.drafting.dynamic

    @cached_property
    def energy(self) -> Number:
        """Energy [J] from request to last token, of the whole batch."""
        steps = where(self.decode_steps > 0, self.decode_steps, 0.0)
        per_step = self._decode_dynamic + energy.idle_power(self.scenario) * self.decode_seconds
        return self.prefill_energy + steps * per_step
