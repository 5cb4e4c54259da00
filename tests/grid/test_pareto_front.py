"""Fronts and their volumes against brute force, an independent library and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from life_jax.grid import hypervolume, pareto_front


def brute(values: np.ndarray) -> list[int]:
    """Not dominated by any, and the first of its equals."""
    found = []
    values = np.where(np.isfinite(values).all(axis=1, keepdims=True), values, np.nan)
    for i, point in enumerate(values):
        if not np.isfinite(point).all():
            continue
        dominated = ((values <= point).all(axis=1) & (values < point).any(axis=1)).any()
        if not dominated and not (values[:i] == point).all(axis=1).any():
            found.append(i)
    return found


def near_a_front(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    """About half of the points on the front: on a simplex, and a little behind it."""
    values = rng.exponential(size=(n, k))
    return values / values.sum(axis=1, keepdims=True) * (1 + rng.choice([0.0, 0.3], size=(n, 1)))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_front_is_what_nothing_dominates(data):
    k = data.draw(st.integers(1, 4))
    cell = st.one_of(st.integers(0, 5).map(float), st.floats(allow_infinity=True, allow_nan=True))
    rows = data.draw(st.lists(st.lists(cell, min_size=k, max_size=k), min_size=1, max_size=40))
    values = np.array(rows, dtype=float)
    assert pareto_front.front(values).tolist() == brute(values)
    growing = pareto_front.Front(k)
    cut = data.draw(st.integers(1, 10))
    for start in range(0, len(values), cut):
        growing.add(list(values[start : start + cut].T), np.arange(start, min(start + cut, len(values))))
    assert sorted(growing.ids.tolist()) == brute(values)


@pytest.mark.parametrize("k", [4, 5, 6])
@pytest.mark.parametrize("levels", [10, 30, 0])
def test_blocks_and_boxes_find_the_same_front_with_ties_and_without(monkeypatch, k, levels):
    """Small blocks, so that a few hundred points go through every stage."""
    monkeypatch.setattr(pareto_front, "BLOCK", 8)
    monkeypatch.setattr(pareto_front, "GUARDS", 2)
    monkeypatch.setattr(pareto_front, "WIDTH", 16)
    monkeypatch.setattr(pareto_front, "PAIRS", 100)
    seen = []
    in_boxes = pareto_front._in_boxes
    monkeypatch.setattr(pareto_front, "_in_boxes", lambda points: seen.append(points.shape[1]) or in_boxes(points))
    rng = np.random.default_rng(k + levels)
    for _ in range(10):
        values = near_a_front(rng, 400, k)
        values = np.round(values * levels) if levels else values
        values = np.concatenate((values, values[rng.integers(0, 400, 50)]))  # equals, later
        assert pareto_front.front(values).tolist() == brute(values)
    assert seen


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_large_fronts_are_those_of_moocore(k):
    moocore = pytest.importorskip("moocore")
    values = near_a_front(np.random.default_rng(k), 8000, k)
    kept = pareto_front.front(values)
    assert len(kept) > 3000
    assert np.array_equal(np.flatnonzero(moocore.is_nondominated(values, keep_weakly=False)), kept)


@pytest.mark.parametrize(("k", "n"), [(2, 2000), (3, 2000), (4, 800), (5, 300), (6, 60), (7, 30)])
@pytest.mark.parametrize("levels", [0, 5, 50])
def test_volumes_are_those_of_moocore(k, n, levels):
    moocore = pytest.importorskip("moocore")
    rng = np.random.default_rng(n + levels)
    for drawn in (rng.random((n, k)), near_a_front(rng, n, k), 1 - near_a_front(rng, n, k)):
        values = np.round(drawn * levels) / levels if levels else drawn
        for reference in (np.ones(k), np.full(k, 0.6), np.linspace(0.5, 1.5, k)):
            expected = moocore.hypervolume(values, ref=reference)
            assert hypervolume.hypervolume(values, reference) == pytest.approx(expected, rel=1e-10, abs=1e-300)


@pytest.mark.parametrize("k", range(1, 8))
def test_a_volume_in_closed_form(k):
    """One point is a box; of points that are better in one objective each, all boxes but for what they share."""
    point, reference = np.linspace(0.1, 0.4, k), np.ones(k)
    box = np.prod(1 - point)
    assert hypervolume.hypervolume(point[None], reference) == pytest.approx(box)
    corners = np.where(np.eye(k, dtype=bool), 0.25, 0.5)  # each adds to the shared 1/2^k a box of 1/4 by 1/2^(k-1)
    assert hypervolume.hypervolume(corners, reference) == pytest.approx(0.5**k * (1 + k / 2) if k > 1 else 0.75)
    assert hypervolume.hypervolume(np.ones((3, k)), reference) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from([0, 4]))
def test_laws_of_volumes(k, n, seed, levels):
    """An axis scales it; what is dominated, what is beyond the reference and the order of rows and objectives do
    not change it; another point adds what it dominates alone, at most its box."""
    rng = np.random.default_rng(seed)
    values, reference = rng.random((n, k)), np.full(k, 0.9)
    values = np.round(values * levels) / levels if levels else values
    volume = hypervolume.hypervolume(values, reference)
    scale = rng.uniform(0.1, 10, k)
    near = lambda x: pytest.approx(x, rel=1e-9, abs=1e-13)  # noqa: E731
    assert hypervolume.hypervolume(values * scale, reference * scale) == near(volume * np.prod(scale))
    worse = values + rng.random((n, k)) * rng.integers(0, 2, (n, k))
    assert hypervolume.hypervolume(np.concatenate((worse, values)), reference) == near(volume)
    order, columns = rng.permutation(n), rng.permutation(k)
    assert hypervolume.hypervolume(values[order][:, columns], reference[columns]) == near(volume)
    another = rng.random((1, k)) * 0.9
    more = hypervolume.hypervolume(np.concatenate((values, another)), reference)
    shared = hypervolume.hypervolume(np.maximum(values, another), reference)  # what the others have of its box
    assert more == near(volume + np.prod(reference - another) - shared)


def test_the_knee_is_the_point_nearest_to_the_ideal():
    values = np.array([[0.0, 10.0], [1.0, 1.0], [10.0, 0.0]])
    assert pareto_front.knee(values) == 1
    assert hypervolume.hypervolume(pareto_front.normalized(values), np.ones(2)) == pytest.approx(0.81)
