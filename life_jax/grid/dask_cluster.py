"""Chunks computed on a Dask cluster: a local one, one at an address, or one of SLURM jobs.

A task is a chunk, so that a worker that dies loses only the chunks it was computing, which Dask gives to another
worker. Results come back to this process, which writes them; on processors of one kind the file has the same bytes
as that of a sweep in one process.
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
from life_jax.grid.plan import ResultBlock, Sweep
from life_jax.grid.reduction import Reducer, Reduction, State

AHEAD = 3  # tasks in flight for each worker
PATIENCE = "60s"
CHUNKS_PER_STATE = 32  # chunks that a worker reduces to one state


class ClusterError(OSError):
    """Error of a cluster that cannot be reached or cannot go on; its one line says why and what is kept."""


@dataclass(frozen=True)
class Cluster:
    """A Dask cluster.

    where: "local", "slurm" (with the jobs that the user's jobqueue.yaml describes) or the address of a scheduler.
    workers: number of workers, or of SLURM jobs; by default half of the processors here, or one job.
    """

    where: str = "local"
    workers: int | None = None

    def blocks(self, sweep: Sweep, wanted: Iterable[int]) -> Iterator[ResultBlock]:
        """Blocks of the wanted chunks, in the order in which they are ready; an executor for `plan.run`.

        Raises ClusterError where the cluster cannot be reached or its workers die again and again.
        """
        for _, block in self._results(_compute, sweep, [range(chunk, chunk + 1) for chunk in wanted]):
            yield block

    def states(
        self, sweep: Sweep, wanted: range, template: Template, what: Reduction, signs: Any
    ) -> Iterator[tuple[range, State]]:
        """States of a reducer for runs of CHUNKS_PER_STATE chunks: (numbers of the chunks, state), in order.

        wanted: numbers of the chunks. template, what, signs: as for `Reducer`.

        Raises ClusterError where the cluster cannot be reached or its workers die again and again.
        """
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
        """(Index of a task, its result), in the order in which they are ready.

        Only AHEAD tasks of each worker are under way at a time, so that memory stays bounded.
        """
        if not tasks:
            return
        with self._client() as client:
            import cloudpickle
            from distributed import as_completed
            from distributed.scheduler import KilledWorker

            payload = cloudpickle.dumps(job)  # sent with every task: data scattered to a worker is lost when it dies
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
                    result = future.result()
                except KilledWorker:
                    raise ClusterError(
                        "workers died again and again; finished chunks are kept and the same command goes on from there"
                    ) from None
                index = of.pop(future)
                future.release()
                submit(1)
                yield index, result

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
    except (OSError, ValueError) as error:  # cores and memory of a job are not configured
        raise ClusterError(f"cluster=slurm takes its jobs from ~/.config/dask/jobqueue.yaml: {error}") from None
    cluster.scale(jobs=jobs)
    return cluster


@lru_cache(maxsize=2)
def _job(payload: bytes) -> Any:
    """The unpickled work, kept in the worker, so that its functions are compiled once."""
    import pickle

    return pickle.loads(payload)


def _compute(payload: bytes, chunks: Sequence[int]) -> ResultBlock:
    block: ResultBlock
    (block,) = _job(payload).blocks(chunks)
    return replace(block, columns={name: np.array(column) for name, column in block.columns.items()})


def _reduce(payload: bytes, chunks: Sequence[int]) -> State:
    sweep, template, what, signs = _job(payload)
    reducer = Reducer(template, what, signs)
    for block in sweep.blocks(chunks):
        reducer.put(block)
    return reducer.state()
