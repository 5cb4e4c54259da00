"""What devices that share a model do and say: by hand, and sums over the devices."""

import pytest
from laws import graph, scenario

from life_jax.core.schedule import Step
from life_jax.forecasting.messages import link_bytes
from life_jax.parallelism.collectives import all_gather_over, all_reduce, all_reduce_over
from life_jax.parallelism.tensor_parallel import divides, share_of_one
from life_jax.parallelism.topology import Links


def test_a_ring_crosses_each_link_with_nearly_twice_the_message():
    for devices in (2.0, 4.0, 8.0):
        seconds = all_reduce(devices=devices, message=1e9, latency=0.0, bandwidth=1e11)
        assert seconds == pytest.approx(0.02 * (devices - 1) / devices)
    assert all_reduce(devices=1.0, message=1e9, latency=1e-6, bandwidth=1e11) == 0


def test_the_latency_of_a_message_grows_with_each_doubling_of_the_devices():
    times = [all_reduce(devices=d, message=0.0, latency=3.6e-6, bandwidth=1e11) for d in (2.0, 4.0, 8.0)]
    assert times == pytest.approx([7.2e-6, 10.8e-6, 14.4e-6])


def test_an_all_gather_is_half_the_bytes_and_most_of_the_latency_of_an_all_reduce():
    links = Links(inside=8.0, nodes=1.0, bandwidth=450e9, network=50e9, latency=4e-6, network_latency=27e-6)
    assert all_gather_over(links, 0.0) == pytest.approx(0.8 * all_reduce_over(links, 0.0))
    sent = [f(links, 1e9) - f(links, 0.0) for f in (all_gather_over, all_reduce_over)]
    assert sent[0] == pytest.approx(sent[1] / 2) == pytest.approx(7 / 8 * 1e9 / 450e9)


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
