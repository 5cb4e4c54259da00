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
def made(parser):
    parser.add_argument("--model", "-m", type=str, help="--not-this")
    group.add_argument("--prompt-tokens", **facts)
class Arguments:
    generation_tokens: int = 1
    limit = 3
"""


def test_flags_are_arguments_and_fields():
    assert check_launch.known_flags(PARSER) == {"--model", "-m", "--prompt-tokens", "--generation-tokens"}


def test_flags_of_cpp_are_heads_of_arguments_and_what_arguments_are_compared_with():
    source = """
    add_opt(common_arg({ "-fa", "--flash-attn" }, "[on|off]", "not --this"));
        {"-ncmoe", "--n-cpu-moe"}, "N",
    if (arg == "-p" || arg == "--n-prompt") { fail("--nor-this"); }
    """
    flags = {"-fa", "--flash-attn", "-ncmoe", "--n-cpu-moe", "-p", "--n-prompt"}
    assert check_launch.known_flags_of_cpp(source) == flags


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
