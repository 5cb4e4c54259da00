"""Chunks on a Dask cluster: a local one, one at an address, or one of SLURM jobs. Knows nothing of language models.

A chunk is a task, so that a worker that dies costs what it had in hand; Dask gives it to another one. Results come
back here, where one process writes them: the bytes are those of one process on the same kind of processor.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from life_jax.grid.labels import Template
from life_jax.grid.plan import Block, Sweep
from life_jax.grid.reduction import Reducer, Reduction, State

AHEAD = 3  # tasks in flight for each worker
PATIENCE = "60s"
CHUNKS_PER_STATE = 32  # chunks that a worker reduces to one state


class ClusterError(OSError):
    """The cluster cannot do it; one line that says why and what is kept."""


@dataclass(frozen=True)
class Cluster:
    """Where: `local`, `slurm` (as the user's jobqueue.yaml says) or an address, and how many workers (or jobs)."""

    where: str = "local"
    workers: int | None = None

    def blocks(self, sweep: Sweep, wanted: Iterable[int]) -> Iterator[Block]:
        """The blocks of these chunks, in the order in which they are ready; an executor of grid.run."""
        for _, found in self._results(_compute, sweep, [range(chunk, chunk + 1) for chunk in wanted]):
            yield found

    def states(
        self, sweep: Sweep, wanted: range, template: Template, what: Reduction, signs: Any
    ) -> Iterator[tuple[range, State]]:
        """(some chunks, what a reducer keeps of them), in order."""
        tasks = [wanted[at : at + CHUNKS_PER_STATE] for at in range(0, len(wanted), CHUNKS_PER_STATE)]
        waiting: dict[int, State] = {}
        turn = 0
        for index, state in self._results(_reduce, (sweep, template, what, signs), tasks):
            waiting[index] = state
            while turn in waiting:
                yield tasks[turn], waiting.pop(turn)
                turn += 1

    def _results(
        self, function: Callable[[bytes, Sequence[int]], Any], job: Any, tasks: Sequence[Sequence[int]]
    ) -> Iterator[tuple[int, Any]]:
        """(index of the task, its result), as they come; few are in flight, so that memory stays bounded."""
        if not tasks:
            return
        with self._client() as client:
            import cloudpickle
            from distributed import as_completed
            from distributed.scheduler import KilledWorker

            payload = cloudpickle.dumps(job)  # with each task: what is scattered is lost with its worker
            left = iter(enumerate(tasks))
            of: dict[Any, int] = {}
            running = as_completed()

            def submit(how_many: int) -> None:
                for index, task in islice(left, how_many):
                    future = client.submit(function, payload, task, pure=False)
                    of[future] = index
                    running.add(future)

            submit(AHEAD * max(1, self.workers or len(client.scheduler_info()["workers"])))
            for future in running:
                try:
                    found = future.result()
                except KilledWorker:
                    raise ClusterError(
                        "workers died again and again; finished chunks are kept and the same command goes on from there"
                    ) from None
                index = of.pop(future)
                future.release()
                submit(1)
                yield index, found

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        with contextlib.ExitStack() as stack:
            try:
                from distributed import Client, LocalCluster
            except ImportError:
                raise ClusterError("executor=dask needs Dask: pip install 'life_jax[dask]'") from None
            if self.where == "local":
                workers = self.workers or max(1, (os.cpu_count() or 1) // 2)
                cluster: Any = LocalCluster(
                    n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )  # fmt: skip
            elif self.where == "slurm":
                cluster = _slurm(self.workers or 1)
            else:
                cluster = None
            if cluster is not None:
                stack.enter_context(cluster)
            try:
                client = stack.enter_context(Client(self.where if cluster is None else cluster, timeout=PATIENCE))
            except (OSError, ValueError) as error:
                raise ClusterError(f"cluster={self.where} cannot be reached: {error}") from None
            yield client


def _slurm(jobs: int) -> Any:
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError:
        raise ClusterError("cluster=slurm needs dask-jobqueue: pip install 'life_jax[dask]'") from None
    try:
        cluster = SLURMCluster()
    except (OSError, ValueError) as error:  # cores and memory of a job are not said
        raise ClusterError(f"cluster=slurm takes its jobs from ~/.config/dask/jobqueue.yaml: {error}") from None
    cluster.scale(jobs=jobs)
    return cluster


@lru_cache(maxsize=2)
def _job(payload: bytes) -> Any:
    """Unpickled once in a worker, so that its functions are compiled once."""
    import pickle

    return pickle.loads(payload)


def _compute(payload: bytes, chunks: Sequence[int]) -> Block:
    block: Block
    (block,) = _job(payload).blocks(chunks)
    return replace(block, columns={name: np.array(column) for name, column in block.columns.items()})


def _reduce(payload: bytes, chunks: Sequence[int]) -> State:
    sweep, template, what, signs = _job(payload)
    reducer = Reducer(template, what, signs)
    for block in sweep.blocks(chunks):
        reducer.put(block)
    return reducer.state()
