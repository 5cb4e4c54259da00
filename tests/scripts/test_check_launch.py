"""Flags of launch files are looked up in sources of engines' parsers, which are read and not run."""

import importlib.util

import pytest
from places import ROOT

from life_jax.planner.launch import programs

spec = importlib.util.spec_from_file_location("check_launch", ROOT / "scripts" / "check_launch.py")
check_launch = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_launch)

PARSER = """
raise SystemExit("is not run")
@click.option("--tensor_parallel_size", "--tp_size", type=int)
def made(parser):
    parser.add_argument("--model", "-m", type=str, help="--not-this")
    group.add_argument("--prompt-tokens", **facts)
class Arguments:
    generation_tokens: int = 1
    limit = 3
"""


def test_flags_are_arguments_and_fields():
    of_click = {"--tensor_parallel_size", "--tp_size"}
    assert check_launch.known_flags(PARSER) == {"--model", "-m", "--prompt-tokens", "--generation-tokens"} | of_click


def test_flags_of_cpp_are_heads_of_arguments_and_what_arguments_are_compared_with():
    source = """
    add_opt(common_arg({ "-fa", "--flash-attn" }, "[on|off]", "not --this"));
        {"-ncmoe", "--n-cpu-moe"}, "N",
    if (arg == "-p" || arg == "--n-prompt") { fail("--nor-this"); }
    """
    flags = {"-fa", "--flash-attn", "-ncmoe", "--n-cpu-moe", "-p", "--n-prompt"}
    assert check_launch.known_flags_of_cpp(source) == flags


def test_flags_of_cxxopts_are_names_at_the_head_of_a_line():
    source = """
            ("rest_port",
                "port, as (\"not_this\", of another)",
            ("h, help",
            other("nor_this",
    """
    assert check_launch.known_flags_of_cpp(source) == {"--rest_port", "--help"}


def test_names_of_go_are_flags_variables_of_the_environment_and_keys_of_json():
    source = """
    createCmd.Flags().StringP("file", "f", "", "Name of it")
    runCmd.Flags().Bool("verbose", false, "Show --not-this")
    FlashAttention = BoolWithDefault("OLLAMA_FLASH_ATTENTION")
    NumCtx int `json:"num_ctx,omitempty"`
    """
    assert check_launch.known_names_of_go(source) == {"--file", "-f", "--verbose", "OLLAMA_FLASH_ATTENTION", "num_ctx"}
    assert check_launch.typed_flags(programs()["ollama"]) == {
        "-f", "--verbose", "OLLAMA_NUM_PARALLEL", "OLLAMA_FLASH_ATTENTION", "OLLAMA_KV_CACHE_TYPE", "num_ctx",
        "num_gpu",
    }  # fmt: skip


def test_typed_flags_are_those_of_commands_options_and_benchmarks():
    assert check_launch.typed_flags(programs()["mlx"]) == {"--model", "--prompt-tokens", "--generation-tokens"}
    assert {"--tp-size", "--quantization", "--request-rate"} <= check_launch.typed_flags(programs()["sglang"])
    assert "-m" not in check_launch.typed_flags(programs()["sglang"])


@pytest.mark.parametrize(("program", "status"), [("mlx", 0), ("vllm", 1), ("nothing", 2)])
def test_flags_that_no_source_has_are_named(program, status, tmp_path, capsys):
    source = tmp_path / "parser.py"
    source.write_text(PARSER)
    assert check_launch.main([program, str(source)]) == status
    assert ("unknown: --max-model-len" in capsys.readouterr().out) == (program == "vllm")
