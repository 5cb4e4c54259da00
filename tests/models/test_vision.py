"""The vision tower: work by a hand count, its place before the prompt, and what is refused."""

import jax
import pytest
import yaml
from laws import changed, graph, in_numpy, scenario
from places import CONF

from life_jax.config.build import bits
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.huggingface import translate
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.files import PrecisionFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.forecasting.memory import memory
from life_jax.forecasting.request import Run
from life_jax.models import vision
from life_jax.models.decoder import parameter_count

WORDS = ("model=qwen3_vl_8b", "hw=h100_sxm", "engine=ideal", "workload.prompt_tokens=2048")


def seen(tokens: float, images: float = 1.0):
    return scenario(*WORDS, f"workload.image_tokens={tokens}", f"workload.images={images}")


def flops(s) -> float:
    return Run(s).prefill_cost.matmul_flops


def test_work_of_the_tower_equals_a_hand_count():
    """Qwen3-VL-8B: 27 layers of 1152 and 4304, patches of 2 x 3 x 16 x 16, squares of 4, four projectors to 4096."""
    patches, d, f, merged = 1024 * 4, 1152, 4304, 4 * 1152
    layer = 2 * patches * d * (3 * d + d + 2 * f) + 4 * d * patches * patches
    projector = 2 * 1024 * merged * (merged + 4096)
    by_hand = 2 * patches * 1536 * d + 27 * layer + 4 * projector
    assert flops(seen(1024)) - flops(seen(0)) == pytest.approx(by_hand, rel=1e-12)


def test_several_images_attend_themselves_only():
    patches, d = 1024 * 4, 1152
    saved = 27 * 4 * d * patches * patches * (1 - 1 / 8)
    assert flops(seen(1024)) - flops(seen(1024, 8)) == pytest.approx(saved, rel=1e-12)


def test_no_image_costs_nothing_as_a_literal_or_as_an_axis():
    plain, s = Run(seen(0)), seen(1024)
    traced = jax.jit(lambda tokens: Run(changed(s, "workload.image_tokens", tokens)).ttft)
    with jax.enable_x64(True):
        assert float(traced(0.0)) == pytest.approx(float(plain.ttft), rel=1e-12)
        assert float(traced(1024.0)) == pytest.approx(float(Run(s).ttft), rel=1e-12)
    assert not any(op.name.startswith("vision") for op in graph(seen(0), new=2048.0))


def test_only_prefill_and_memory_feel_the_tower():
    with_images, without = seen(1024), seen(0)
    assert Run(with_images).tpot == Run(without).tpot
    assert Run(with_images).ttft > Run(without).ttft
    tower = vision.weight_bytes(with_images.architecture, bits(PrecisionFile()))
    assert memory(with_images).weights - memory(without).weights == pytest.approx(tower, rel=1e-12)
    assert parameter_count(with_images.architecture) == 8_190_735_360


def test_a_prompt_in_chunks_sees_its_images_once():
    chunked = scenario(*WORDS, "workload.image_tokens=1024", "engine.chunk_tokens=512")
    assert flops(chunked) == pytest.approx(flops(seen(1024)), rel=1e-3)  # the last row of logits of each pass aside


def test_windows_of_a_tower_are_attended_instead_of_the_image():
    said = {
        "model_type": "qwen2_5_vl",
        "vision_config": {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
                          "patch_size": 14, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31]},
        "text_config": {"model_type": "qwen2_5_vl_text", "hidden_size": 3584, "num_hidden_layers": 28,
                        "num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 18944,
                        "vocab_size": 152064, "max_position_embeddings": 128000},
    }  # fmt: skip
    found = translate(said)
    assert (found["vision_full_layers"], found["vision_window"], found["vision_gated"]) == (4, 64, True)
    silent = {key: value for key, value in said["vision_config"].items() if key != "depth"}
    assert "vision_layers" not in translate({**said, "vision_config": silent})
    for broken in ({"depth": -1}, {"num_heads": "16"}, {"patch_size": None}, {"fullatt_block_indexes": [99]}):
        with pytest.raises(ConfigError, match="vision_config"):
            translate({**said, "vision_config": {**said["vision_config"], **broken}})


TEXT = {"hidden_size": 512, "intermediate_size": 1024, "num_hidden_layers": 2, "num_attention_heads": 8,
        "num_key_value_heads": 4, "head_dim": 64, "vocab_size": 1000, "max_position_embeddings": 4096}  # fmt: skip
PIXTRAL = {"model_type": "pixtral", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
           "num_attention_heads": 16, "patch_size": 14}  # fmt: skip
CLIP = {**PIXTRAL, "model_type": "clip_vision_model"}


@pytest.mark.parametrize(
    ("said", "text", "matrices"),
    [
        ({"model_type": "mistral3", "vision_config": PIXTRAL, "spatial_merge_size": 2}, "mistral", 408_236_032),
        ({"model_type": "llava", "vision_config": {**PIXTRAL, "patch_size": 16}}, "mistral", 404_226_048),
        ({"model_type": "llava", "vision_config": CLIP}, "mistral", 303_378_432),
        ({"model_type": "internvl", "vision_config": {**CLIP, "patch_size": [14, 14]}, "downsample_ratio": 0.5},
         "qwen2", 304_951_296),
    ],
)  # fmt: skip
def test_matrices_of_a_tower_are_those_that_transformers_counts(said, text, matrices):
    """transformers 5.24 on the meta device: all weights of two and more dimensions of tower and projector, but for
    positions and class tokens."""
    found = translate({**said, "text_config": {**TEXT, "model_type": text}}, "some")
    model = architecture(check(found, ModelFile, "some"), "some")
    assert sum(t.d_in * t.d_out * t.repeats for t in vision.tensors(model)) == matrices


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("model=llama3_8b", "workload.image_tokens=16"), "no vision tower"),
        (("model=qwen3_vl_8b", "workload.prompt_tokens=10", "workload.image_tokens=16"), "the prompt has 10"),
        (("model=llama3_8b", "axes.image_tokens=[1,2]"), "image_tokens"),
        (("model=llama3_8b", "axes.vision_heads=[1,2]"), "vision_heads"),
    ],
)
def test_images_without_a_tower_are_refused(words, part):
    with pytest.raises(ConfigError, match=part):
        in_numpy("hw=v100", "engine=ideal", *words)


def test_shipped_towers_are_whole():
    towers = [said for said in map(_read, (CONF / "model").glob("*.yaml")) if "vision_layers" in said]
    assert len(towers) >= 10
    for said in towers:
        assert {"vision_hidden_size", "vision_heads", "vision_patch_inputs", "vision_projector_inputs"} <= set(said)
        assert said["vision_hidden_size"] % said["vision_heads"] == 0


def _read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))
