"""What devices that share a model do and say: by hand, and sums over the devices."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from laws import graph, scenario

from life_jax.core.engine import Parallelism
from life_jax.core.scenario import Device
from life_jax.core.schedule import Step
from life_jax.forecasting.messages import link_bytes
from life_jax.parallelism import topology
from life_jax.parallelism.collectives import (
    COPIES,
    SECOND_SHOT,
    SMOOTHNESS,
    SWITCH_HOPS,
    Waits,
    all_gather_over,
    all_reduce,
    all_reduce_over,
    all_reduce_waits,
    fastest,
    pass_on,
)
from life_jax.parallelism.tensor_parallel import divides, share_of_one
from life_jax.parallelism.topology import Links

NODE = Links(inside=8.0, nodes=1.0, bandwidth=300e9, network=40e9, latency=4e-6, network_latency=27e-6, step=0.25)
OWN = replace(NODE, growth=0.2)
SWITCH = replace(NODE, switch=225e9)
NODES = replace(NODE, nodes=4.0)
ALL = [NODE, OWN, SWITCH, replace(OWN, switch=225e9), NODES, replace(SWITCH, nodes=4.0), replace(NODE, inside=1.0)]
MESSAGES = [0.0, 1e3, 1e5, 1e6, 1e7, 1e9]


def test_a_ring_crosses_each_link_with_nearly_twice_the_message():
    for devices in (2.0, 4.0, 8.0):
        seconds = all_reduce(devices=devices, message=1e9, latency=0.0, bandwidth=1e11)
        assert seconds == pytest.approx(0.02 * (devices - 1) / devices)
    assert all_reduce(devices=1.0, message=1e9, latency=1e-6, bandwidth=1e11) == 0


def test_the_latency_of_a_ring_grows_with_each_device_as_nccl_measures_it():
    times = [all_reduce(devices=d, message=0.0, latency=3.53e-6, bandwidth=1e11, step=0.25) for d in (2.0, 4.0, 8.0)]
    # 6.9, 10.5 and 17.5 us on H100 (collectives.csv)
    assert times == pytest.approx([7.06e-6, 10.59e-6, 17.65e-6], rel=1e-3)
    assert all_reduce_over(NODE, 0.0) == pytest.approx(4e-6 * (2 + 12 * 0.25))


def test_an_all_gather_is_half_the_bytes_and_half_the_hops_behind_the_start_of_an_all_reduce():
    start = 4e-6 * 2 * (1 - 0.25)
    assert all_gather_over(NODE, 0.0) - start == pytest.approx((all_reduce_over(NODE, 0.0) - start) / 2)
    sent = [f(NODE, 1e9) - f(NODE, 0.0) for f in (all_gather_over, all_reduce_over)]
    assert sent[0] == pytest.approx(sent[1] / 2) == pytest.approx(7 / 8 * 1e9 / 300e9)


def test_a_device_moves_its_own_part_in_its_memory_as_well():
    waits = all_reduce_waits(replace(NODE, memory=2e12), 1e9)
    assert waits.memory == pytest.approx(COPIES * 1e9 / 8 / 2e12)
    assert waits.links == pytest.approx(2 * 7 / 8 * 1e9 / 300e9)


@pytest.mark.parametrize(("ratio", "least"), [(1.0, 1 - SMOOTHNESS / 2), (2.0, 1 - SMOOTHNESS**2), (1e4, 1 - 1e-3)])
def test_the_smooth_minimum_is_near_the_smaller_and_never_above_it(ratio, least):
    for a, b in ((1.0, ratio), (ratio, 1.0)):
        found = fastest(Waits(hops=a), Waits(links=b)).seconds
        assert least <= found <= 1.0


def test_the_smooth_minimum_is_the_sum_of_what_its_parts_hold_and_scales_with_them():
    one, other = Waits(1.0, 2.0, 0.5, 0.0, 3.0), Waits(4.0, 0.0, 0.0, 2.0, 0.9)
    a, b = one.seconds, other.seconds
    by_hand = (a + b - np.sqrt((a - b) ** 2 + SMOOTHNESS**2 * a * b)) / 2
    assert fastest(one, other).seconds == pytest.approx(by_hand)
    assert fastest(one.times(7.0), other.times(7.0)).seconds == pytest.approx(7 * by_hand)
    nudged = fastest(replace(one, links=2.0 + 1e-6), other).seconds
    assert fastest(one, other).links / 2.0 == pytest.approx((nudged - by_hand) / 1e-6, rel=1e-4)


@pytest.mark.parametrize(("links", "message"), list(product(ALL, MESSAGES)))
def test_more_bytes_are_never_faster_and_faster_links_never_slower(links, message):
    seconds = all_reduce_over(links, message)
    assert np.isfinite(seconds) and seconds >= 0
    assert all_reduce_over(links, 1.1 * message + 10) >= seconds
    better = {"bandwidth": 1.1, "network": 1.1, "switch": 1.1, "memory": 1.1, "latency": 0.9, "network_latency": 0.9}
    for name, factor in better.items():
        changed = replace(links, **{name: getattr(links, name) * factor})
        assert all_reduce_over(changed, message) <= seconds * (1 + 1e-12), name
        assert all_gather_over(changed, message) <= all_gather_over(links, message), name


@pytest.mark.parametrize("message", MESSAGES)
def test_an_algorithm_more_is_never_slower(message):
    assert all_reduce_over(OWN, message) <= all_reduce_over(NODE, message)
    assert all_reduce_over(SWITCH, message) <= all_reduce_over(NODE, message)


def test_few_bytes_go_in_one_shot_more_in_two_and_many_in_a_ring_or_the_switch():
    """Each law where its algorithm is the fastest, within what the smooth minimum takes off."""
    near = {"rel": 2 * SMOOTHNESS, "abs": 0.0}
    hops = 4e-6 * (1 + 0.2 * 3)
    assert all_reduce_over(OWN, 1e4) == pytest.approx(hops + 7 * 1e4 / 300e9, **near)
    assert all_reduce_over(OWN, 3e6) == pytest.approx(hops + SECOND_SHOT * 4e-6 + 1.75 * 3e6 / 300e9, **near)
    assert all_reduce_over(NODE, 1e9) == pytest.approx(4e-6 * 5 + 1.75 * 1e9 / 300e9, **near)
    assert all_reduce_over(SWITCH, 1e9) == pytest.approx(SWITCH_HOPS * 4e-6 + 1e9 / 225e9, **near)


def test_nodes_are_joined_by_a_tree_for_few_bytes_and_a_ring_through_all_for_many():
    tree = 4e-6 * 5 + 27e-6 * (1 + 2)
    assert all_reduce_over(NODES, 0.0) == pytest.approx(tree, rel=2 * SMOOTHNESS)
    through_all = 2 * 31 / 32 * 1e10 / 300e9  # each device's links, which are slower than its node's eight adapters
    assert all_reduce_over(NODES, 1e10) == pytest.approx(through_all, rel=2 * SMOOTHNESS)
    slow = replace(NODES, network=10e9)
    assert all_reduce_over(slow, 1e10) == pytest.approx(2 * 31 / 32 * 1e10 / 8 / 10e9, rel=2 * SMOOTHNESS)


def test_one_node_of_a_group_is_a_group_in_one_node_and_one_device_says_nothing():
    import jax.numpy as jnp

    for links in (NODE, OWN, SWITCH):
        traced = replace(links, nodes=jnp.asarray(1.0), inside=jnp.asarray(8.0))
        assert float(all_reduce_over(traced, 1e6)) == pytest.approx(float(all_reduce_over(links, 1e6)), rel=1e-5)
        assert float(all_reduce_over(replace(traced, inside=jnp.asarray(1.0)), 1e6)) == 0


def test_collectives_have_finite_gradients_by_every_number_also_of_a_single_device():
    import jax

    names = (
        "inside",
        "nodes",
        "bandwidth",
        "network",
        "latency",
        "network_latency",
        "growth",
        "step",
        "switch",
        "memory",
    )

    def seconds(numbers, message):
        return all_reduce_over(Links(**numbers), message)

    slopes = jax.jit(jax.grad(seconds, argnums=(0, 1)))
    for links, message in product(ALL, (0.0, 1e6)):
        numbers = {name: float(getattr(links, name)) for name in names}
        found = slopes(numbers, message)
        assert all(np.isfinite(value) for value in jax.tree.leaves(found)), (links, message, found)


def test_the_worked_ring_of_eight_h100():
    """allreduce_ring_H100_8ranks_16MiB_s of the serving reference: 17.5 us, and 16 MiB at a bus rate of 373.6 GB/s."""
    alone = Links(8.0, 1.0, 373.6e9, 1e30, 17.5e-6 / 5, 0.0, step=0.25)
    assert all_reduce_over(alone, 16 * 2.0**20) == pytest.approx(9.608706638115631e-05, rel=1e-6)


@pytest.mark.parametrize("devices", [1.0, 2.0, 8.0, 16.0])
def test_all_devices_together_do_the_matrix_work_once_and_hold_the_cache_of_at_most_the_kv_heads(devices):
    s = scenario("model=llama3_8b")  # 8 KV heads
    for op in graph(s, batch=2.0, new=3.0, past=5.0):
        mine, whole = share_of_one(op, devices), op.cost
        assert devices * mine.matmul_flops == pytest.approx(whole.matmul_flops)
        assert min(devices, 8.0) * mine.kv_read == pytest.approx(whole.kv_read)
        assert mine.dispatches == whole.dispatches


@pytest.mark.parametrize("model", ["deepseek_v3", "deepseek_v3_2", "deepseek_v2_lite"])
def test_every_device_reads_all_latents_and_its_part_of_the_up_projections(model):
    for op in graph(scenario(f"model={model}"), batch=2.0, new=1.0, past=500.0):
        mine, whole = share_of_one(op, 8.0), op.cost
        assert mine.kv_read == whole.kv_read
        if op.name == "q_b_proj":
            assert 8 * mine.weight_bytes == pytest.approx(whole.weight_bytes)
        if op.name in ("kv_a_proj", "router"):
            assert mine == whole


@pytest.mark.parametrize(
    ("heads", "copied", "allowed"),
    [(28.0, False, [1, 2, 4, 7, 14, 28]), (4.0, True, [1, 2, *range(4, 65, 4)]), (1.0, True, list(range(1, 65)))],
)
def test_devices_divide_heads_or_are_a_multiple_of_the_heads_that_they_copy(heads, copied, allowed):
    assert [n for n in range(1, 65) if divides(float(n), heads, copied=copied)] == allowed


def test_the_bytes_of_a_step_by_hand():
    s = scenario("model=llama2_7b", "hw=h100_sxm", "engine.tensor_parallel=4")
    # 32 layers reduce twice; each of 3 tokens has 4096 numbers of 2 bytes, sent 2 (n - 1) times in all
    assert link_bytes(s, Step(1.0, 3.0, 0.0)) == 64 * 2 * 3 * (3 * 4096 * 2)


def test_in_a_mesh_each_pair_has_a_part_of_the_links():
    """MI300X: 48 GB/s are reached between two, 144 by one of four and 336 by one of eight (ROCm/rccl#1210)."""
    device = Device(rates={}, bandwidth=5.3e12, memory=192e9, dispatch=0.0, interconnect=448e9, mesh_peers=7.0)
    layout = Parallelism(link_efficiency=0.75)
    reached = [topology.links(device, layout, devices=n).bandwidth for n in (2.0, 4.0, 8.0)]
    assert reached == pytest.approx([48e9, 144e9, 336e9])
    assert [topology.links(device, layout, devices=n).to_one for n in (2.0, 4.0, 8.0)] == pytest.approx([48e9] * 3)
    assert pass_on(topology.links(device, layout, devices=8.0), 48e6) == pytest.approx(1e-3)
    switch = replace(device, mesh_peers=0.0)
    assert (
        topology.links(switch, layout, devices=2.0).bandwidth
        == topology.links(switch, layout, devices=2.0).to_one
        == 336e9
    )


def test_in_a_torus_each_doubling_of_a_group_adds_a_link_until_all_are_used():
    device = Device(
        rates={}, bandwidth=8e11, memory=16e9, dispatch=0.0, interconnect=200e9, torus_links=4.0, node=256.0
    )
    reached = [
        topology.links(device, Parallelism(link_efficiency=1.0), devices=n).bandwidth
        for n in (2.0, 4.0, 8.0, 16.0, 64.0)
    ]
    assert reached == pytest.approx([50e9, 100e9, 150e9, 200e9, 200e9])


@pytest.mark.parametrize("kind", ["mesh_peers", "torus_links"])
def test_two_devices_are_never_faster_than_with_a_switch(kind):
    device = Device(rates={}, bandwidth=8e11, memory=16e9, dispatch=0.0, interconnect=200e9)
    apart = replace(device, **{kind: 6.0})
    for n, message in product((2.0, 3.0, 8.0, 16.0), MESSAGES):
        there, here = (all_reduce_over(topology.links(d, Parallelism(), devices=n), message) for d in (apart, device))
        assert there >= here
