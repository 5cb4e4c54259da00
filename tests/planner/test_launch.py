"""What is typed for a design: flags that the engines' documents have, names that no shell takes apart."""

import dataclasses
import json
import re
import shlex

import pytest
import yaml
from places import CONF

from life_jax.planner.launch import Launch, command, files, hub_name, programs
from life_jax.planner.space import Layout

# flags as parsers have them (scripts/check_launch.py): of vllm 0.33.0, sglang 0.5.23, llama.cpp of llama-cpp-python
# 0.3.36, mlx-lm 0.32.2, optimum-intel 2.2.0 (--model, --weight-format), ollama 0.33.0-rc2, OpenVINO 2026.3 (its server
# and its benchmark); of TensorRT-LLM read in its sources (conf/launch/tensorrt_llm.yaml)
GRAMMAR = {
    "vllm": "--max-model-len --max-num-seqs --tensor-parallel-size --pipeline-parallel-size --data-parallel-size "
    "--enable-expert-parallel --max-num-batched-tokens --quantization --kv-cache-dtype --model --dataset-name "
    "--random-input-len --random-output-len --num-prompts --save-result --result-filename --request-rate "
    "--max-concurrency --speculative-config",
    "sglang": "-m --model-path --context-length --max-running-requests --tp-size --pp-size --dp-size --ep-size "
    "--chunked-prefill-size --quantization --kv-cache-dtype --backend --dataset-name --random-input-len "
    "--random-output-len --num-prompts --output-file --request-rate --max-concurrency --speculative-algorithm "
    "--speculative-num-steps --speculative-eagle-topk --speculative-draft-model-path",
    "tensorrt_llm": "-m --backend --max_batch_size --max_seq_len --extra_llm_api_options --tp_size --pp_size --ep_size "
    "--max_num_tokens --model --dataset-name --random-input-len --random-output-len --num-prompts --save-result "
    "--result-filename --request-rate --max-concurrency",
    "llama_cpp": "-m -ngl -c -np -fa -ctk -ctv --split-mode -p -n -o --n-cpu-moe --spec-type --spec-draft-model "
    "--spec-draft-n-max",
    "ollama": "-f --verbose",
    "mlx": "--model --prompt-tokens --generation-tokens",
    "openvino": "--model --weight-format --rest_port --model_path --model_name --target_device -m -d -ic -n -r",
}  # fmt: skip
DESIGN = Launch(
    engine="vllm", hub="meta-llama/Llama-3.1-8B", stack=("fp8", "kv_fp8"),
    kinds={"q4_k_m": "gguf", "fp8": "activation_quantization"}, layout=Layout(tp=2, dp=4), prompt=1000.0, output=200.0,
    sequences=64, budget=4096, rate=4.0, concurrency=0.0, running=7.3, on_gpu=True, target="GPU",
    words=("hw=h100_sxm",),
)  # fmt: skip


def of(**changes):
    return dataclasses.replace(DESIGN, **changes)


def flags(text):
    return {word for word in shlex.split(text, comments=True) if re.fullmatch(r"--?[a-zA-Z][\w-]*", word)}


def test_vllm_gets_its_layout_limits_and_formats():
    assert command(DESIGN) == (
        "vllm serve meta-llama/Llama-3.1-8B --max-model-len 1280 --max-num-seqs 64 --tensor-parallel-size 2 "
        "--data-parallel-size 4 --max-num-batched-tokens 4096 --quantization fp8 --kv-cache-dtype fp8"
    )


def test_llama_cpp_gets_its_file_context_and_caches():
    line = command(
        of(engine="llama_cpp_cuda", stack=("q4_k_m", "kv_q8_0"), layout=Layout(pp=2), sequences=1, running=1.0)
    )
    assert line == (
        "llama-server -m Llama-3.1-8B-Q4_K_M.gguf -ngl 99 -c 1280 -np 1 -fa on --split-mode layer -ctk q8_0 -ctv q8_0"
    )
    assert "-ngl 0" in command(of(engine="llama_cpp_cpu", stack=("q4_k_m",), layout=Layout(), on_gpu=False))


def test_llama_cpp_keeps_on_the_cpu_what_an_offload_says():
    design = of(engine="llama_cpp_cuda", stack=("q4_k_m", "offload"), layout=Layout(), sequences=1, layers=32)
    assert "-ngl 20 " in command(dataclasses.replace(design, cpu_layers=12))
    both = dataclasses.replace(design, cpu_layers=2, cpu_expert_layers=10)
    assert "-ngl 30 " in command(both) and "--n-cpu-moe 12" in command(both)
    assert "--n-cpu-moe 12" in files(both, "about")["bench.sh"]
    assert "--n-cpu-moe" not in command(design)


def test_drafts_are_typed_as_each_engine_takes_them():
    drafts = {"stack": ("fp8", "eagle3"), "draft_tokens": 3, "draft": "some/head"}
    words = shlex.split(command(of(**drafts)))
    assert json.loads(words[words.index("--speculative-config") + 1]) == {
        "method": "eagle3", "model": "some/head", "num_speculative_tokens": 3,
    }  # fmt: skip
    assert words[2] == "meta-llama/Llama-3.1-8B"  # whose weights no draft changes
    both = of(engine="tensorrt_llm", **drafts | {"stack": ("kv_fp8", "mtp")})
    assert yaml.safe_load(files(both, "about")["config.yaml"]) == {
        "kv_cache_config": {"dtype": "fp8"},
        "speculative_config": {"decoding_type": "MTP", "num_nextn_predict_layers": 3},
    }
    llama = command(of(engine="llama_cpp_cuda", layout=Layout(), **drafts | {"stack": ("q4_k_m", "mtp")}))
    assert "--spec-type draft-mtp --spec-draft-n-max 3" in llama


def test_an_engine_that_nobody_knows_to_launch_has_no_command():
    assert command(of(engine="tinychat")) is None
    assert files(of(engine="tinychat"), "about") == {}


@pytest.mark.parametrize("name", sorted(GRAMMAR))
def test_every_flag_is_in_the_documents_of_its_program(name):
    program = programs()[name]
    engine = (program["engines"] or program["beside"])[0]
    suffix = "" if program["engines"] else f"_{name}"
    for stack in ([], *([option] for option in program["options"])):
        written = files(of(engine=engine, stack=tuple(stack), layout=Layout(2, 2, 2, 2)), "about")
        text = "\n".join(line for line in (written[f"run{suffix}.sh"] + written[f"bench{suffix}.sh"]).splitlines()
                         if not line.startswith(("#", "set ", "life-jax")))  # fmt: skip
        assert flags(text) <= set(GRAMMAR[name].split()), name


def test_every_program_says_its_version_and_its_source():
    for name, program in programs().items():
        assert program["version"], name
        assert len(program["source"]) > 20, name
        assert name in GRAMMAR


@pytest.mark.parametrize("hub", ["$(touch x)", "a b; rm -rf .", "it's", "x`id`", "-rf"])
def test_no_name_is_taken_apart_by_a_shell(hub):
    line = command(of(hub=hub, stack=("fp8",)))
    assert shlex.split(line)[2] == (f"./{hub}" if hub.startswith("-") else hub)
    for text in files(of(hub=hub, stack=("fp8",)), "about").values():
        for row in text.splitlines():
            if not row.startswith("#"):
                shlex.split(row)


@pytest.mark.parametrize("hub", ["a\ntouch x\nb", "a\rb", "a\x1b[2J", "a\u2028b", "x/-trust", "--trust-remote-code"])
@pytest.mark.parametrize(
    ("engine", "stack"), [("vllm", ("int4",)), ("llama_cpp_cuda", ("q4_k_m",)), ("tensorrt_llm", ())]
)
def test_no_name_becomes_a_line_or_an_option(hub, engine, stack):
    kinds = {**DESIGN.kinds, "int4": "weight_quantization"}
    for name, text in files(of(hub=hub, engine=engine, stack=stack, kinds=kinds), f"rank 1: {hub}").items():
        assert all(line.isprintable() for line in text.split("\n")), name
        words = [word for line in text.split("\n") if not line.startswith("#") for word in shlex.split(line)]
        assert not [word for word in words if word.startswith("-") and "trust" in word], name
        assert "touch" not in words


def test_trtllm_says_the_cache_in_its_file():
    found = files(of(engine="tensorrt_llm", stack=("fp8", "kv_fp8")), "about")
    assert yaml.safe_load(found["config.yaml"]) == {"kv_cache_config": {"dtype": "fp8"}}
    assert "Llama-3.1-8B-fp8" in found["run.sh"]  # such a checkpoint is needed
    assert "give yours" in found["run.sh"]


def test_the_hub_name_is_in_the_source_of_a_model():
    text = yaml.safe_load((CONF / "model" / "llama3_1_8b.yaml").read_text(encoding="utf-8"))["source"]
    assert hub_name("llama3_1_8b", text) == "meta-llama/Llama-3.1-8B"
    assert hub_name("mine", "counted by hand") == "mine"
