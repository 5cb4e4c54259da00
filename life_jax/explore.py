"""python -m life_jax.explore: a page in the browser that shows forecasts move, from this machine alone."""

import gc
from importlib.util import find_spec

from life_jax.config.schema.errors import ConfigError
from life_jax.config.words import key_and_text, take
from life_jax.terminal import command

NEEDED = ("starlette", "uvicorn")


def main() -> None:
    """Run the command line."""
    command.guarded(explore, "explore", str(__doc__))


def explore(words: list[str]) -> None:
    """Serve the explorer until interrupted. Raises ConfigError for words that make no sense."""
    opens, rest = take(words, "open", ("false", "true"))
    port, rest = _port(rest)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(f"explore needs {' and '.join(missing)}: pip install 'life_jax[explore]'")
    from life_jax.explorer import menus, server
    from life_jax.explorer.questions import of_command_line
    from life_jax.studies.loading import load

    question, files = of_command_line(rest)
    if question.hw:  # a mistake is said here, and not by the page
        command.warn(load(question.words()).warnings)
    menus.menus(question)

    gc.enable()  # which commands that end soon do without

    def ready(address: str) -> None:
        print(address, flush=True)
        if opens == "true":
            import webbrowser

            webbrowser.open(address)

    server.run(question, files, port, ready)


def _port(words: list[str]) -> tuple[int, list[str]]:
    """port= and the other words."""
    pairs = [(key_and_text(word), word) for word in words]
    typed = [pair[1] for pair, _ in pairs if pair is not None and pair[0] == "port"]
    text = typed[-1] if typed else "0"
    if not (text.isdecimal() and text.isascii() and int(text) < 2**16):
        raise ConfigError(f"port={text}: a number from 0 (any that is free) to 65535 is needed")
    return int(text), [word for pair, word in pairs if pair is None or pair[0] != "port"]


if __name__ == "__main__":
    main()
