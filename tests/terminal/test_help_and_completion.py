"""Help fits a terminal at first sight; tab completion knows the words of every command."""

import pytest

from life_jax import __main__ as umbrella
from life_jax.config.schema.errors import ConfigError
from life_jax.studies.loading import load
from life_jax.terminal import command
from life_jax.terminal.completion import SHELLS, candidates, complete
from life_jax.terminal.help import ABOUT, HELP, MOST_LINES, WIDEST
from life_jax.terminal.help import commands as commands_of

COMMANDS = command.commands()


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_is_short(name):
    text = HELP[name] if name else umbrella.answer("--help", [], COMMANDS)
    lines = text.rstrip("\n").splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= WIDEST
    assert name in text


def test_the_list_of_commands_names_all_of_them():
    listed = umbrella.answer("--help", [], COMMANDS)
    assert all(f"\n  {name} " in listed for name in COMMANDS)
    assert set(ABOUT) <= set(COMMANDS)
    later = commands_of([*COMMANDS, "newer"], {"newer": "something of tomorrow"})
    assert "  newer      something of tomorrow" in later


@pytest.mark.parametrize("name", [n for n in HELP if n not in ("catalog", "validate", "calibrate", "merge")])
def test_examples_of_help_are_understood(name):
    import shlex

    from life_jax.config.load_words import load_words

    examples = [shlex.split(line)[2:] for line in HELP[name].splitlines() if line.startswith(f"  life-jax {name}")]
    assert len(examples) >= 2
    for example in examples:
        words = load_words(example).words if name == "serve" else example
        plain = [word for word in words if not word.startswith("format=")]
        plain = plain if name != "explore" or plain else ["hw=v100"]  # without words it asks the machine
        load(plain, primary=name if name in ("explain", "design", "serve", "plan") else "sweep")


def test_words_without_a_command_are_told_what_to_type():
    with pytest.raises(ConfigError, match=r"life-jax sweep hw=v100 opt=int4"):
        umbrella.answer("hw=v100", ["opt=int4"], COMMANDS)


@pytest.mark.parametrize("theirs, ours", sorted(umbrella.CALLED.items()))
def test_a_command_of_other_tools_is_answered_with_ours(theirs, ours):
    assert ours in COMMANDS and theirs not in COMMANDS
    with pytest.raises(ConfigError, match=f"it is called {ours} here"):
        umbrella.answer(theirs, [], COMMANDS)


@pytest.mark.parametrize("kind", ["hw", "gpus", "devices", "models", "metrics"])
def test_a_part_of_the_catalogue_is_no_command(kind):
    with pytest.raises(ConfigError, match=f"life-jax catalog {kind}"):
        umbrella.answer(kind, [], COMMANDS)


def test_the_version_and_the_help_of_a_command_have_several_spellings(life, monkeypatch, capsys):
    import life_jax

    version = f"life_jax {life_jax.__version__}"
    assert [umbrella.answer(word, [], COMMANDS) for word in ("version", "--version", "-V")] == [version] * 3
    assert [life("sweep", word).out.strip() for word in ("--version", "-V")] == [version] * 2
    assert life("serve", "help").out == life("serve", "--help").out == HELP["serve"].rstrip() + "\n"
    monkeypatch.setattr("sys.argv", ["life-jax", "help", "serve"])
    umbrella.run()
    assert capsys.readouterr().out == HELP["serve"].rstrip() + "\n"


def offered(line: str) -> list[str]:
    from life_jax.terminal.completion import _words

    return candidates(_words(line), COMMANDS)


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("life-jax ", {"sweep", "catalog", "serve"}), ("life-jax de", {"design"}),
        ("life-jax sweep metr", {"metrics="}), ("life-jax sweep ba", {"batch="}),
        ("life-jax-explain hw=v100 opt=int", {"opt=int4", "opt=int8"}),
        ("life-jax sweep 'hw=[v100,h100_", {"hw=[v100,h100_sxm", "hw=[v100,h100_pcie"}),
        ("life-jax sweep hw=cl", {"hw=class:laptop", "hw=class:gpu_dc"}), ("life-jax sweep hw=her", {"hw=here"}),
        ("life-jax sweep axes.p", {"axes.prompt=", "axes.pp=", "axes.pipeline_parallel="}),
        ("life-jax sweep axes.engine=[vllm,tens", {"axes.engine=[vllm,tensorrt_llm"}),
        ("life-jax design target.t", {"target.ttft=", "target.tpot="}), ("life-jax design ra", {"range."}),
        ("life-jax serve rat", {"rate="}), ("life-jax serve targ", {"target."}),
        ("life-jax sweep hw.v100.mem", {"hw.v100.memory_gb=", "hw.v100.memory_share="}),
        ("life-jax sweep engine.memory_u", {"engine.memory_utilization="}),
        ("life-jax sweep sort=-tp", {"sort=-tps", "sort=-tpot"}),
        ("life-jax sweep plot=[front,tor", {"plot=[front,tornado"}),
        ("life-jax catalog mo", {"model"}), ("life-jax catalog hw for", {"format=json"}),
        ("life-jax-validate x.csv ov", {"overwrite=true"}), ("life-jax sweep --h", {"--help", "--hydra-help"}),
        ("life-jax sweep study=first", {"study=first_look"}), ("life-jax sweep model=llama3_", {"model=llama3_8b"}),
    ],
)  # fmt: skip
def test_a_line_is_completed(line, some):
    assert some <= set(offered(line))


@pytest.mark.parametrize("line", ["life-jax sweep model=./conf", "life-jax validate exa", "life-jax nothing "])
def test_files_are_left_to_the_shell(line):
    assert not any(word.startswith(("./", "exa")) for word in offered(line))


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gets_a_script_for_every_command(shell):
    script = complete(f"install={shell}", COMMANDS)
    assert all(f"life-jax-{name}" in script for name in COMMANDS) and "PROGRAMS" not in script


def test_another_task_is_refused():
    with pytest.raises(ConfigError, match="bash, zsh, fish"):
        complete("install=csh", COMMANDS)


def test_the_kinds_that_are_completed_are_those_of_the_catalogue():
    from life_jax.catalog import LISTINGS

    assert list(LISTINGS) == offered("life-jax catalog ")[: len(LISTINGS)]
