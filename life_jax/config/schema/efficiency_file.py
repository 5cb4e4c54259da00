"""What software reaches on a class of devices, as its file says it; see files.py for what one field states."""

from dataclasses import dataclass

from life_jax.config.schema.quantities import fraction, number, positive

OTHER_CLASS = "other"  # conf/efficiency of devices whose class was never measured
VECTOR_MOST = 4.0  # bytes for each number of fp32


@dataclass(kw_only=True)
class EfficiencyFile:
    """conf/efficiency/CLASS.yaml: what software usually reaches on a class of devices.

    The spreads say how far forecasts of sources that a fit had not seen were off: 80 % of the measured
    cells lie within a factor exp(1.2816 spread).
    """

    name: str
    source: str
    compute_efficiency: float = fraction(name="part of the peak matrix rate reached by linear layers")
    attention_efficiency: float = fraction(name="part of the peak matrix rate reached by attention")
    memory_efficiency: float = fraction(name="part of the peak bandwidth reached")
    dispatch_factor: float = number(low=0, unit="1", name="cost of a kernel over the device's dispatch")
    link_efficiency: float = fraction(name="part of the interconnect's bandwidth reached")
    allreduce_us: float = number(low=0, unit="us", name="latency of one hop of an all-reduce")
    roof_smoothness: float = number(low=0, high=2, unit="1", name="overlap of compute and memory")
    core_bandwidth: float | None = positive(
        None, unit="1", name="bandwidth that one core of many draws, over its even part"
    )  # of CPUs
    meeting_us: float | None = number(
        None, low=0, unit="us", name="time in which the threads of a CPU meet, beside its dispatch"
    )
    score_work_apart: float | None = number(
        None, low=0, unit="1", name="vector work of a score of a single query in memory, over its softmax"
    )  # of GPUs without matrix units
    # above 1 where what is counted as floating point runs on bytes: CPUs unpack quantized weights so
    vector_efficiency: float = positive(unit="1", high=VECTOR_MOST, name="part of the peak vector rate reached")
    ttft_spread: float = positive(unit="1", name="deviation of the logarithm of measured over forecast TTFT")
    tpot_spread: float = positive(unit="1", name="deviation of the logarithm of measured over forecast TPOT")
    e2e_spread: float = positive(unit="1", name="deviation of the logarithm of measured over forecast totals")
    notes: str = ""
