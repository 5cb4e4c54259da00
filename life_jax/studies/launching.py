"""What launches a plan's rows: facts that commands are made of, and scripts, whole files or none."""

import math
from pathlib import Path

import numpy as np

from life_jax.config import drafting
from life_jax.core.file_system import read_regular
from life_jax.core.whole_file import foreign, refuse_taken, whole_file
from life_jax.planner import times
from life_jax.planner.designs import Designs
from life_jax.planner.launch import Launch, files, hub_name
from life_jax.studies.case import Keys
from life_jax.studies.plan_result import Plan
from life_jax.studies.plan_words import name
from life_jax.studies.study import Study

WRITTEN = 20  # rows of which launch scripts are written unless top= says it


def launch_of(study: Study, designs: Designs, place: int, running: float) -> Launch:
    """Facts of a design that its commands are made of. running: sequences that run together, mean."""
    candidate = designs.candidates[designs.case[place]]
    keys = Keys(candidate.model, candidate.hw, candidate.opt, candidate.engine)
    file, load = study.composed.model, candidate.scenario.load
    point = designs.points[designs.point[place]]
    typed_budget = study.scalars.get("engine.token_budget", 0)
    return Launch(
        engine=candidate.engine,
        hub=hub_name(study.typed["model"][keys.model], file[keys.model].source),
        stack=study.stacks[keys.opt],
        kinds=study.composed.kinds,
        layout=designs.layouts[designs.layout[place]],
        prompt=float(study.composed.workload.prompt_tokens + study.composed.workload.past_tokens),
        output=float(study.composed.workload.output_tokens),
        sequences=int(designs.slots(np.array([place]))[0]) if times.is_loaded(candidate.scenario) else 1,
        budget=int(point.get("token_budget", typed_budget)),
        rate=float(load.rate),
        concurrency=float(load.concurrency),
        running=running if math.isfinite(running) else 1.0,
        on_gpu=candidate.device.device_class != "cpu",
        target={"cpu": "CPU", "npu": "NPU"}.get(candidate.device.device_class, "GPU"),
        words=(
            f"hw={name(study.typed['hw'][keys.hw])}",
            f"model={name(study.typed['model'][keys.model])}",
            f"engine={name(candidate.engine)}",
            *([f"opt={'+'.join(study.stacks[keys.opt])}"] if study.stacks[keys.opt] else []),
        ),
        layers=round(sum(float(block.repeats) for block in candidate.scenario.architecture.blocks)),
        cpu_layers=round(float(candidate.scenario.offload.layers)),
        cpu_expert_layers=round(float(candidate.scenario.offload.expert_layers)),
        draft_tokens=round(float(candidate.scenario.speculation.tokens)),
        draft=drafting.head(keys.model),
    )


def scripts(launch: Launch, about: str, home: Path, *, overwrite: bool) -> list[Path]:
    """Write the launch scripts of a design to a folder, each whole or not at all; those that are there stay. Returns
    their paths."""
    home.mkdir(parents=True, exist_ok=True)
    written = []
    for file, text in files(launch, about).items():
        written.append(home / file)
        if _says(home / file, text):
            continue
        with whole_file(home / file, overwrite=overwrite) as new:
            new.write_text(text, encoding="utf-8", newline="\n")
            if file.endswith(".sh"):
                new.chmod(0o755)
    return written


def _says(path: Path, text: str) -> bool:
    """Whether a file, no link, has this text: a command that was stopped has written it."""
    try:
        content = b"" if path.is_symlink() else read_regular(path, len(text.encode()) + 1)
    except OSError:
        return False
    return content == text.encode()


def write(plan_: Plan, folder: Path, *, overwrite: bool) -> list[Path]:
    """Write launch scripts of every row to folder/RANK/, each whole or not at all, and none where one of their names is
    taken by another text. Returns their paths. Raises StoreError for such a name, and where folder/RANK is a link."""
    launches = []
    for row in plan_.rows[: plan_.study.view.top or WRITTEN]:
        launch = launch_of(plan_.study, plan_.found.designs, row.place, row.metrics.get("concurrency", float("nan")))
        about = f"rank {row.rank}: {row.devices} x {row.hw}, {row.opt}, {row.engine}: life-jax plan"
        launches.append((launch, about, folder / f"{row.rank:02d}"))
    for launch, about, home in launches:
        if home.is_symlink():
            raise foreign(home)
        for file, text in files(launch, about).items():
            if not _says(home / file, text):
                refuse_taken(home / file, overwrite=overwrite)
    return [path for of in launches for path in scripts(*of, overwrite=overwrite)]
