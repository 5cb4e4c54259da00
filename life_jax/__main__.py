"""life-jax (python -m life_jax): lists the commands, or runs one of them: life-jax sweep hw=v100."""

import importlib
import pkgutil
import sys

import life_jax
from life_jax.config.schema.errors import unknown
from life_jax.terminal import command


def main() -> None:
    """Run the command that the first word names, with the other words; without one print what there is."""
    names = [m.name for m in pkgutil.iter_modules(life_jax.__path__) if not m.ispkg and not m.name.startswith("_")]
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in names:
        del sys.argv[1]
        importlib.import_module(f"life_jax.{name}").main()
    elif name in ("--help", "-h"):
        for module in (importlib.import_module(f"life_jax.{known}") for known in names):
            print((module.__doc__ or "").splitlines()[0])
    else:
        error = unknown("command", name, names)
        command.fail(str(error), error.more)


if __name__ == "__main__":
    main()
