"""life-jax (python -m life_jax): lists the commands, or runs one of them: life-jax sweep hw=v100."""

import importlib
import sys

CALLED = {  # what other tools call a command -> ours
    "list": "catalog", "ls": "catalog", "search": "catalog", "show": "catalog", "run": "sweep", "forecast": "sweep",
    "predict": "sweep", "estimate": "sweep", "compare": "sweep", "bench": "sweep", "profile": "explain",
    "breakdown": "explain", "recommend": "plan", "optimize": "plan", "simulate": "serve", "load": "serve",
    "ui": "explore", "dashboard": "explore", "fit": "calibrate", "check": "validate",
}  # fmt: skip


def main() -> None:
    """Run the command that the first word names, with the other words; without one print what there is."""
    try:
        run()
    except KeyboardInterrupt:  # while it imports what it needs, which takes the first half second
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def run() -> None:
    """Run the command, without what stops it."""
    from life_jax.config.schema.errors import ConfigError
    from life_jax.terminal import command

    names = command.commands()
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in names:
        del sys.argv[1]
        importlib.import_module(f"life_jax.{name}").main()
        return
    if name == "help" and sys.argv[2:3] and sys.argv[2] in names:
        sys.argv[1:] = [sys.argv[2], "--help"]
        run()
        return
    try:
        print(answer(name, sys.argv[2:], names))
    except ConfigError as error:
        command.fail(str(error), error.more)


def answer(name: str, rest: list[str], names: list[str]) -> str:
    """What is printed where the first word is no command. Raises ConfigError for one that is not understood."""
    from life_jax.config.schema.errors import ConfigError, columns, unknown
    from life_jax.config.words import key_and_text
    from life_jax.terminal import command
    from life_jax.terminal.help import commands

    if name in ("--help", "-h", "help"):
        others = {m: (importlib.import_module(f"life_jax.{m}").__doc__ or "").splitlines()[0] for m in names}
        return commands(names, {m: text.split(": ", 1)[-1].rstrip(".") for m, text in others.items()})
    if name in ("--version", "-V", "version"):
        import life_jax

        return f"life_jax {life_jax.__version__}"
    if name.partition("=")[0] in ("-sc", "--shell-completion"):
        return command.completion(name.partition("=")[2] or " ".join(rest[:1]))
    if key_and_text(name) is not None:  # words without a command
        example = " ".join(["life-jax sweep", name, *rest])
        raise ConfigError(f"'{name}' is no command; which one is to take it, such as {example}?", columns(names))
    kinds = importlib.import_module("life_jax.catalog")
    if kinds.KINDS.get(name, name) in kinds.LISTINGS:
        raise ConfigError(f"'{name}' is a part of the catalogue: life-jax catalog {name}", columns(names))
    if name in CALLED:
        raise ConfigError(f"command '{name}' is not known; it is called {CALLED[name]} here", columns(names))
    raise unknown("command", name, names)


if __name__ == "__main__":
    main()
