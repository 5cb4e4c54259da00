"""The measured panel as arrays, and the forecast as a function of constants by class, engine and device.

What scripts/fit_efficiency.py fits. The operators come from life_jax itself; the seconds below say what
life_jax/roofline/terms.py says, for all rows at once and with the mean decode step taken at the middle of generation.
"""

import copy
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from engine_families import FAMILY_OF
from scipy.optimize import minimize

from life_jax.config import conf_files
from life_jax.config.rates import emulates_bf16
from life_jax.config.schema.device_file import DeviceFile
from life_jax.core import schedule
from life_jax.core.engine import Engine
from life_jax.core.numerics import is_fixed_at
from life_jax.core.scenario import PLAIN_BITS
from life_jax.core.units import UNLIMITED
from life_jax.forecasting.step import step_graph
from life_jax.measurements import forecasts
from life_jax.measurements import rows as measurements
from life_jax.parallelism import collectives
from life_jax.parallelism.tensor_parallel import share_of_one
from life_jax.parallelism.topology import Links, links
from life_jax.roofline.effects.attention_scores import has_scores, softmax_flops
from life_jax.roofline.effects.kernel_quality import NARROW_BITS
from life_jax.roofline.effects.matrix_tiles import is_product
from life_jax.roofline.roofs import roof
from life_jax.roofline.terms import is_elementwise, work

KINDS = ("TTFT", "TPOT", "TOTAL")
SMOOTHNESS = 0.5  # of the roofs; fitted kernels: 0.44 to 0.96
WIDTHS = (16, 32, 256)  # operators of a step, at most
ALONE = Engine()  # without effects


def emulates(s):
    """Whether the row was measured in bf16 on a device that has no units for it."""
    file = forecasts.in_half(conf_files.engine_file(s.engine), s.half)
    return emulates_bf16(file.half_units, conf_files.file("hw", s.hw, DeviceFile))


def table(settings):
    """Costs over the device's rates by row, step (prefill or its last chunk, middle of decode, the middle one of the
    other chunks, times their number) and operator."""
    n = len(settings)
    terms = (
        "matmul vector beside rowed rows convert elementwise rest quantized room cache reread dispatch repeats "
        "attention scores apart pad widest eight four experts blocks"
    )
    t = {name: np.zeros((n, 3, WIDTHS[-1])) for name in terms.split()}
    t |= {"message": np.zeros((n, 3)), "context": np.zeros((n, 3)), "used": np.ones((n, 3, WIDTHS[-1]))}
    t |= {
        "part": np.ones(n),
        "others": np.zeros(n),
        "reduces": np.zeros(n),
        "growth": np.ones(n),
        "link": np.ones(n),
        "link_step": np.zeros(n),
        "switch": np.zeros(n),
        "memory": np.ones(n),
        "numbers": np.zeros((n, 4)),
    }
    t["times"] = np.tile([1.0, 1.0, 0.0], (n, 1))
    t["cold"] = np.array([s.cold for s in settings])
    t["emulated"] = np.array([emulates(s) for s in settings])
    # the rates of a scenario have it
    emulation = np.array([conf_files.engine_file(s.engine).bf16_emulation for s in settings])
    emulation = np.where(t["emulated"], emulation, 1.0)
    for rows, one in forecasts.scenarios(settings):
        w = one.workload
        w = dataclasses.replace(w, prompt_tokens=np.maximum(w.prompt_tokens, 1e-3))  # a decode row has no prefill
        middle = schedule.decode(w).at((w.output_tokens - 2) / 2)
        *chunks, last = schedule.prefill(w, one.engine)
        steps = [last.first, dataclasses.replace(middle, new=np.ones(len(rows)))]
        for before in chunks:
            steps.append(before.at((before.count - 1) / 2))
            t["times"][rows, 2] = before.count
        effects, devices = one.engine.effects, one.engine.parallelism
        divided = dataclasses.replace(effects["cpu_threads"], serial_part=0.0)  # which `seconds` knows
        device = divided.on_device(one.device)
        kernels = effects["matrix_tiles"]  # `seconds` knows how much work stands beside products of blocks
        # `seconds` knows how many FLOP an element takes
        widening = dataclasses.replace(effects["cache_conversion"], flops=1.0)
        for k, step in enumerate(steps):
            t["context"][rows, k] = step.context
            for i, op in enumerate(step_graph(one, step)):
                cost = op.cost if is_fixed_at(devices.tensor_parallel, 1) else share_of_one(op, devices.tensor_parallel)
                stored = op.weights if op.pipe in ("linear", "head") else None
                bits = PLAIN_BITS if stored is None else stored.bits
                narrow = np.broadcast_to(np.asarray(bits) < PLAIN_BITS, len(rows))
                pad, widest = kernels.tiles(op) if is_product(op) else (0, 0)
                plain = effects["shared_cache"].on_work(op, work(op, cost, ALONE))
                moved = plain.cost.activations_read + plain.cost.activations_written
                rest = np.where(narrow, 0, cost.weight_bytes) + moved
                by_rows = kernels.by_rows(op, plain) if is_product(op) else None
                lanes = effects["attention_lanes"].on_work(op, plain)
                put = {
                    "matmul": plain.matrix * emulation[rows] / (device.rates[op.pipe] * lanes.occupied),
                    "vector": plain.vector / device.rates["vector"],
                    # vector work beside matrix work, at the whole matrix rate: over that at the vector rate
                    "beside": emulation[rows] * device.rates["vector"] / device.rates[op.pipe],
                    "rowed": by_rows is not None,
                    "rows": (0.0 if by_rows is None else by_rows) / device.rates["vector"],
                    "elementwise" if is_elementwise(op) else "rest": rest / one.device.bandwidth,
                    "quantized": np.where(narrow, cost.weight_bytes, 0) / one.device.bandwidth,
                    "room": PLAIN_BITS / np.maximum(bits, 1e-9),
                    "cache": (cost.kv_read + cost.kv_written) / one.device.bandwidth,
                    "reread": cost.kv_read * op.shape.sharing / one.device.bandwidth,
                    "used": lanes.cache_quality,
                    "convert": (widening.on_work(op, work(op, cost, ALONE)).vector - cost.vector_flops)
                    / device.rates["vector"],
                    "dispatch": cost.dispatches * one.device.dispatch,
                    "repeats": op.repeats,
                    "attention": op.pipe == "attention",
                    # work of a score of one query, over what the softmax does of it
                    "scores": softmax_flops(op, plain) / (device.rates["vector"] * op.shape.m)
                    if has_scores(op)
                    else 0.0,
                    "apart": softmax_flops(op, plain) / (device.rates["vector"] * np.maximum(op.shape.m, 1.0))
                    if op.kind == "softmax" and op.shape.m is not None
                    else 0.0,
                    "pad": pad / op.executed,
                    "widest": np.inf if widest is None else widest,
                    "eight": narrow & (np.asarray(bits) >= NARROW_BITS),
                    "four": narrow & (np.asarray(bits) < NARROW_BITS),
                    "experts": op.pipe == "linear" and op.shape.experts is not None,
                    "blocks": plain.matrix * (narrow & (kernels.block_work > 0)) / device.rates["vector"],
                }
                for name, value in put.items():
                    t[name][rows, k, i] = value
            t["message"][rows, k] = step.tokens * one.architecture.hidden_size * 2
        threads = effects["cpu_threads"].threads
        t["others"][rows] = np.maximum(np.minimum(threads, one.device.cores) - 1, 0.0)
        if not is_fixed_at(threads, UNLIMITED):
            t["part"][rows] = np.minimum(1.0, threads / one.device.cores)
        t["reduces"][rows] = sum(b.repeats * (1 if b.parallel else 2) for b in one.architecture.blocks)
        t["growth"][rows] = devices.allreduce_growth
        whole = dataclasses.replace(devices, link_efficiency=1.0)  # which is fitted
        of_group = links(one.device, whole, devices=devices.tensor_parallel)
        t["link"][rows], t["link_step"][rows], t["switch"][rows] = of_group.bandwidth, of_group.step, of_group.switch
        t["memory"][rows] = one.device.bandwidth
        kinds = [KINDS.index(settings[i].kind) for i in rows]
        t["numbers"][rows] = np.stack(
            [np.broadcast_to(x, len(rows)) for x in (w.batch, w.output_tokens, devices.tensor_parallel, kinds)], axis=1
        )
    return _counting(t)


def _counting(t):
    """The same by pair of row and step, of steps that count alone, with `row` and `times`, how often each counts.

    {"cold", "numbers": by row; "parts": tables of pairs with about equally many operators, so that few are empty}.
    """
    kind, output = t["numbers"][:, 3], t["numbers"][:, 1]
    t["times"][:, 0] = t["times"][:, 0] * (kind != 1)
    t["times"][:, 2] = t["times"][:, 2] * (kind != 1)
    t["times"][:, 1] = np.where(kind == 1, 1.0, np.where(kind == 2, output - 1, 0.0))
    row, step = np.nonzero(t["times"] > 0)
    there = t["repeats"][row, step] > 0
    size = there.shape[1] - np.argmax(there[:, ::-1], axis=1)  # up to the last, as some between may not be repeated
    found, least = [], 0
    for most in WIDTHS:
        mine = (size > least) & (size <= most)
        if mine.any():
            found.append(_part(t, row[mine], step[mine], most))
        least = most
    return {"cold": t["cold"], "numbers": t["numbers"], "parts": found}


def _part(t, row, step, width):
    flat = {name: value[row, step, :width] for name, value in t.items() if value.ndim == 3}
    flat |= {name: t[name][row, step] for name in ("times", "message", "context")}
    flat |= {
        name: t[name][row]
        for name in (
            "part",
            "others",
            "reduces",
            "growth",
            "link",
            "link_step",
            "switch",
            "memory",
            "emulated",
            "numbers",
        )
    }
    return flat | {"row": row}


def seconds(c, e, d, t):
    """Seconds of each row; c, e, d: constants by name of each row's class, engine and device, [rows]."""
    request = jnp.where(t["cold"], e["cold_request_ms"], e["request_ms"]) * d["request"] * 1e-3
    total = jnp.where(t["numbers"][:, 3] == 1, 0.0, request)
    for part in t["parts"]:
        of_pairs = ({name: value[part["row"]] for name, value in constants.items()} for constants in (c, e, d))
        total = total + jax.ops.segment_sum(_steps(*of_pairs, part), part["row"], len(total), indices_are_sorted=True)
    return total


def _steps(c, e, d, t):
    """Seconds of the steps that count, [pairs of row and step], times how often."""

    def wide(x):
        return x[:, None]

    def reached_of(name):
        """Part of a peak, at most all of it (config/engine.py), and how the device differs."""
        return jnp.minimum(c[f"{name}_efficiency"] * e[f"{name}_quality"], 1.0) * d[name]

    compute, attention, memory = reached_of("compute"), reached_of("attention"), wide(reached_of("memory"))
    eight = jnp.minimum(e["compute_8bit"], e["compute_4bit"])
    form = 1 + t["eight"] * wide(eight - 1) + t["four"] * wide(e["compute_4bit"] - 1)
    form = form * (1 + t["experts"] * wide(e["compute_experts"] - 1))
    reached = jnp.where(t["attention"] > 0, wide(attention), wide(compute) * form)
    divided = wide(1 + e["serial_part"] * t["others"])  # cpu_threads.serial_part
    reached = reached / divided
    emulated = wide(jnp.where(t["emulated"], e["bf16_emulation"], 1.0))
    padded = 1 + jnp.minimum(wide(e["tile_rows"]), t["widest"]) * t["pad"]
    vector = t["vector"] + t["convert"] * wide(e["fp8_convert_flops"]) + t["scores"] * wide(e["score_work"])
    vector = vector + t["apart"] * wide(c["score_work_apart"])
    vector = vector + t["blocks"] * wide(e["block_work"]) * padded
    matmul = t["matmul"] * padded / reached
    matmul = (matmul + jnp.where(t["matmul"] > 0, vector * t["beside"] * divided, 0.0)) / emulated
    on_vectors = wide(c["vector_efficiency"] * d["vector"]) / divided
    compute = _roof(matmul, vector / on_vectors)
    compute = jnp.where(t["rowed"] > 0, jnp.minimum(compute, t["rows"] / on_vectors), compute)
    bytes_ = t["rest"] + t["elementwise"] / wide(e["elementwise_efficiency"])
    cache = t["cache"] + wide(e["kv_reread"]) * t["reread"]
    bytes_ = (
        bytes_
        + t["quantized"] * jnp.minimum(1 / wide(e["memory_quantized"]), t["room"])
        + cache / jnp.minimum(wide(e["kv_efficiency"] * d["cache"]) * t["used"], 1 / memory)
    )
    drawn = t["part"] / (t["part"] + (1 - t["part"]) / c["core_bandwidth"])  # cores.bandwidth
    each = _roof(compute, bytes_ / (memory * wide(drawn)))
    each = each + t["dispatch"] * wide(c["dispatch_factor"] * e["dispatch_quality"] * d["dispatch"])
    step = (each * t["repeats"]).sum(-1)  # [row and step]
    batch, _, devices, _ = (t["numbers"][:, i] for i in range(4))
    host = e["step_us"] + e["split_step_us"] * jnp.log2(devices) + e["sequence_us"] * batch
    host = (host * 1e-6 + e["context_ns"] * 1e-9 * t["context"]) * d["step"]
    group = Links(
        inside=devices,
        nodes=1.0,
        bandwidth=t["link"] * c["link_efficiency"],
        network=1.0,
        latency=c["allreduce_us"] * e["allreduce_quality"] * 1e-6,
        network_latency=0.0,
        growth=t["growth"],
        step=t["link_step"],
        switch=t["switch"],
        memory=t["memory"] * reached_of("memory"),
    )
    step = step + host + t["reduces"] * collectives.all_reduce_over(group, t["message"])
    return step * t["times"]


def _roof(a, b):
    # the square root of 0 has no gradient; the square of this is a number in single precision
    return roof(a, b + 1e-17, SMOOTHNESS)


def _single(array):
    """The array on the device, its floats in single precision."""
    array = np.asarray(array)
    return jnp.asarray(array.astype(np.float32) if array.dtype == np.float64 else array)


@dataclasses.dataclass(frozen=True)
class Constants:
    """Groups (classes, engines or devices) and, by name of a constant, prior (median) and deviation of its
    logarithm, each a number or by group; ceiling: of a constant, where it has one."""

    groups: tuple[str, ...]
    prior: dict
    deviation: dict
    ceiling: dict = dataclasses.field(default_factory=dict)

    def arrays(self):
        """Median and deviation of all logarithms, constant by constant."""

        def of(said):
            each = [[s.get(g, s["other"]) if isinstance(s, dict) else s for g in self.groups] for s in said.values()]
            return np.array(each, float).ravel()

        return np.log(of(self.prior)), of({name: self.deviation[name] for name in self.prior})

    def split(self, x, index):
        """x [constants * groups] of logarithms -> values by name for rows whose groups are `index`."""
        values = jnp.exp(x).reshape(len(self.prior), len(self.groups))
        return {n: jnp.minimum(v, self.ceiling.get(n, np.inf))[index] for n, v in zip(self.prior, values, strict=True)}


def pairs(rows):
    """Device and engine of each row."""
    return [f"{device}|{s.engine}" for device, s in zip(rows.devices, rows.settings, strict=True)]


class Panel:
    """Measured rows and their forecasts under constants by class, family of engines, engine and device.

    parts: Constants of classes, engines, families, all engines, devices, and devices under one engine. Those of
    a family and of all multiply those of its engines, and those of the last two each other.
    """

    def __init__(self, rows, classes, engines, families, every, device, pair):
        self.rows, self.settings, self.cells, self.devices = rows, rows.settings, rows.cells, rows.devices
        self.parts = (classes, engines, families, every, device, pair)
        of_class = [conf_files.efficiency_class(s.hw) for s in self.settings]
        names = [s.engine for s in self.settings]
        together = ["all"] * len(names)
        self.keys = (of_class, names, [FAMILY_OF[e] for e in names], together, list(self.devices), pairs(rows))
        self.index = [
            np.array([part.groups.index(k) for k in keys]) for part, keys in zip(self.parts, self.keys, strict=True)
        ]
        self.t = jax.tree.map(_single, table(self.settings))
        self.measured = np.array([measurements.seconds(s) for s in self.settings])
        self.kind = np.array([c[0] for c in self.cells])
        every = sorted(set(self.cells))
        self.cell = np.array([every.index(c) for c in self.cells])
        priors = [part.arrays() for part in self.parts]
        self.sizes = [len(p[0]) for p in priors]
        self.prior, self.deviation = (np.concatenate([p[i] for p in priors]) for i in (0, 1))
        self._log = jax.jit(self._logs)
        self._loss = jax.jit(jax.value_and_grad(self._objective))

    def under(self, *parts):
        """The same rows under other priors of the same constants."""
        other = copy.copy(self)
        other.parts = parts
        priors = [part.arrays() for part in parts]
        other.prior, other.deviation = (np.concatenate([p[i] for p in priors]) for i in (0, 1))
        return other

    def _logs(self, x):
        parts = np.split(np.arange(len(x)), np.cumsum(self.sizes)[:-1])
        x = x.astype(jnp.float32)  # twice as fast; seconds are exact to 1e-6
        c, e, f, a, d, q = (part.split(x[at], i) for part, at, i in zip(self.parts, parts, self.index, strict=True))
        ceiling = self.parts[1].ceiling
        e = {name: jnp.minimum(e[name] * f[name] * a[name], ceiling.get(name, np.inf)) for name in e}
        return jnp.log(seconds(c, e, {name: d[name] * q[name] for name in d}, self.t))

    def _objective(self, x, weight, noise, soft, prior, deviation):
        r = jnp.where(weight > 0, self._logs(x) - jnp.log(self.measured), 0.0)
        misfit = soft**2 * (jnp.sqrt(1 + (r / soft) ** 2) - 1)  # soft L1: outliers do not decide
        return jnp.sum(weight * misfit) / noise**2 + 0.5 * jnp.sum(((x - prior) / deviation) ** 2)

    def time(self, x):
        return np.exp(np.asarray(self._log(x)))

    def weight(self, rows):
        """Every cell weighs the same; 0 outside `rows` (mask)."""
        size = np.bincount(self.cell[rows], minlength=self.cell.max() + 1)
        return np.where(rows, 1 / np.maximum(size[self.cell], 1), 0.0)

    def fit(self, weight, *, noise, soft, start=None, prior=None, deviation=None, free=slice(None)):
        """Maximum a posteriori, in logarithms. prior, deviation: instead of the panel's; free: what may move."""
        prior = self.prior if prior is None else prior
        deviation = self.deviation if deviation is None else deviation
        start = prior if start is None else start
        scale = np.zeros(len(start))
        scale[free] = deviation[free]

        def function(z):
            value, slope = self._loss(start + scale * z, weight, noise, soft, prior, deviation)
            return float(value), np.asarray(slope) * scale

        options = {"maxiter": 300, "maxcor": 30}
        found = minimize(function, np.zeros(len(start)), jac=True, method="L-BFGS-B", options=options)
        return start + scale * found.x

    def errors(self, time, rows):
        """{kind: (errors of cells [%], forecast / measured of rows)}."""
        ratio, found = time / self.measured, {}
        for kind in KINDS:
            mine = rows & (self.kind == kind)
            if mine.any():
                count = np.bincount(self.cell[mine])
                total = np.bincount(self.cell[mine], abs(ratio[mine] - 1))
                found[kind] = (100 * total[count > 0] / count[count > 0], ratio[mine])
        return found
