"""Layouts of a space of designs: how so many devices may divide a model, and which of them an engine accepts."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import product
from typing import NamedTuple

from life_jax.config.plan_question import defaults
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.engine_file import EngineFile

KEYS = {  # of a layout -> number of the engine's file
    "tp": "tensor_parallel", "pp": "pipeline_parallel", "ep": "expert_parallel", "dp": "data_parallel",
    "cp": "context_parallel",
}  # fmt: skip
ASSUMED = ("tp",)  # layouts of an engine whose file says none [assumption]
NODE = 8.0  # devices of a node whose file does not say it [assumption]


class Layout(NamedTuple):
    """How a model is divided: devices that share each layer, stages, parts of the experts, groups, parts of a context,
    all [1]."""

    tp: int = 1
    pp: int = 1
    ep: int = 1
    dp: int = 1
    cp: int = 1

    @property
    def devices(self) -> int:
        """Devices of the layout [1]."""
        return self.tp * self.pp * self.dp * self.cp

    @property
    def words(self) -> list[str]:
        """What is typed for it: nothing for a single device."""
        return [f"{key}={number}" for key, number in self._asdict().items() if number > 1]


def layouts(
    devices: Iterable[int], *, groups: bool, experts: bool, fixed: Mapping[str, tuple[int, ...]]
) -> tuple[Layout, ...]:
    """All layouts of these counts of devices, by count, those that share layers first.

    groups: whether there is something to divide among data-parallel groups. experts: whether the model has some, which
    are then either divided among all devices of a stage or not at all. fixed: numbers that were typed, by key; a
    context is divided only where that is typed.
    """
    found: list[Layout] = []
    for count, cp in product(devices, fixed.get("cp", (1,))):
        for pp in _divisors(count // cp) if count % cp == 0 else ():
            for dp in _divisors(count // cp // pp) if groups else (1,):
                tp = count // cp // pp // dp
                parts = {1, tp * dp * cp, *fixed.get("ep", ())} if experts else {1}
                found += [Layout(tp, pp, ep, dp, cp) for ep in sorted(parts)]
    return tuple(one for one in found if all(getattr(one, key) in numbers for key, numbers in fixed.items()))


def _divisors(number: int) -> tuple[int, ...]:
    return tuple(n for n in range(1, number + 1) if number % n == 0)


def accepted(layout: Layout, label: str, device: DeviceFile, engine: EngineFile) -> bool:
    """Whether an engine accepts a layout on devices of one kind: tensor parallelism stays in a node, and of what is
    part of a machine (a laptop, a phone, a processor) there is one."""
    if layout.devices == 1:
        return True
    if is_single(label, device):
        return False
    known = ASSUMED if engine.layouts is None else engine.layouts
    used = [key for key, number in layout._asdict().items() if number > 1]
    return all(key in known for key in used) and layout.tp <= (device.node_devices or NODE)


def is_single(label: str, device: DeviceFile) -> bool:
    """Whether there is one of a device in a machine (conf/plan.yaml)."""
    single = defaults()["single"]
    return device.device_class in single["classes"] or any(fnmatchcase(label, name) for name in single["names"])


def assumed(engines: Mapping[str, EngineFile], used: Sequence[tuple[str, Layout]]) -> list[str]:
    """Lines for the engines whose layouts nobody has written down, among those that designs use."""
    names = dict.fromkeys(name for name, layout in used if layout.devices > 1 and engines[name].layouts is None)
    return [f"which layouts {name} accepts is not known: tensor parallelism inside a node is assumed" for name in names]
