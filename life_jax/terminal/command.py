"""What the command lines share: errors in one line, Hydra's own flags, tables that people read."""

import atexit
import gc
import hashlib
import os
import platform
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from life_jax.config import hydra_words
from life_jax.config import words as command_words
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError
from life_jax.grid import executable_cache

CACHE_BYTES = 2**28  # a study of many structures keeps some 20 MB
USAGE, INTERRUPTED = 2, 130
HYDRA_FLAGS = {"--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i", "--resolve", "--package", "-p"}
HYDRA_FLAGS |= {"--shell-completion", "-sc", "--experimental-rerun"}
FLAGS_WITH_VALUE = {"--cfg", "-c", "--package", "-p", "--shell-completion", "-sc"}


_interrupts: list[int] = []  # signals that have arrived


def _interrupt(number: int, frame: Any) -> None:
    _interrupts.append(number)
    raise KeyboardInterrupt


def stop_if_interrupted() -> None:
    """Raises KeyboardInterrupt again if Ctrl-C came where Python drops exceptions (a destructor, a callback)."""
    if _interrupts:
        raise KeyboardInterrupt


def guarded(job: Callable[[list[str]], None], primary: str, usage: str = "") -> None:
    """Runs a command line: words to `job`, Hydra's flags to Hydra; our errors end in one line and status 2.

    usage: what --help prints of a command that Hydra does not compose; `primary` is then not used.

    A bug stays a traceback and status 1.
    """
    words = sys.argv[1:]
    # imports and tracing leave little garbage and many objects to look through: a tenth of a second, and two at the end
    gc.disable()
    atexit.register(gc.freeze)
    _remember_compilations()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _interrupt)
    try:
        flags, rest = _flags(words)
        if usage and any(word in ("--help", "-h") for word in words):
            print(usage)
        elif flags and not usage:
            _hydra(flags, rest, primary)
        else:
            job(words if usage else rest)
            sys.stdout.flush()
    except ConfigError as error:
        fail(str(error), error.more)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        fail(str(error) if error.errno is None else f"{error.strerror}{where}")
    finally:
        gc.enable()


def _remember_compilations() -> None:
    """JAX's own cache of compilations and ours of executables, for command lines; one folder per kind of processor, at
    most CACHE_BYTES each.

    Whoever sets JAX_COMPILATION_CACHE_DIR has decided already; LIFE_JAX_CACHE=off leaves it away.
    """
    said = os.environ.get("LIFE_JAX_CACHE", "")
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    if said == "off" or "JAX_COMPILATION_CACHE_DIR" in os.environ or not os.access(_existing(home), os.W_OK):
        return
    # compiled for this processor: a home that several machines share must not mix them
    facts = Path("/proc/cpuinfo")
    flags = (
        next((x for x in facts.read_text().splitlines() if x.startswith(("flags", "Features"))), "")
        if facts.exists()
        else ""
    )
    kind = hashlib.sha256(f"{platform.machine()} {platform.processor()} {flags}".encode()).hexdigest()[:12]
    folder = Path(said or home / "life_jax") / kind
    if "jax" not in sys.modules:  # whoever has imported it may have changed what is traced
        executable_cache.keep_in(folder / "executables", CACHE_BYTES)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = os.fspath(folder)
    os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(CACHE_BYTES))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def _existing(folder: Path) -> Path:
    return next(f for f in (folder, *folder.absolute().parents) if f.is_dir())


def fail(message: str, more: Iterable[str] = ()) -> NoReturn:
    print(f"error: {message}", *more, sep="\n", file=sys.stderr)
    sys.exit(USAGE)


def warn(messages: Iterable[str]) -> None:
    for message in messages:
        print(f"warning: {message}", file=sys.stderr)


def _flags(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's flags with their values, and the other words."""
    flags, rest, left = [], [], list(words)
    while left:
        word = left.pop(0)
        name = word.split("=", 1)[0]
        if name in ("-m", "--multirun"):
            raise ConfigError(
                "there is no multirun: grids are axes, such as 'axes.batch=[1,8,64]', and 'hw=[v100,h100]'"
            )
        if name not in HYDRA_FLAGS:
            rest.append(word)
            continue
        flags.append(word)
        if name in FLAGS_WITH_VALUE and "=" not in word and left:
            flags.append(left.pop(0))
    return flags, rest


def _hydra(flags: list[str], words: list[str], primary: str) -> None:
    """--help, --cfg and tab completion as Hydra does them. Only composes: no job, no JAX, no files."""
    import hydra

    completing = any(flag.startswith(("-sc", "--shell-completion")) for flag in flags)
    if "--resolve" in flags and not {"--cfg", "-c"} & {flag.split("=", 1)[0] for flag in flags}:
        raise ConfigError("--resolve goes with --cfg, such as --cfg job --resolve")
    if completing and "COMP_LINE" in os.environ:
        # Hydra would compose the words before the last one, which are ours (hw=v100), not its own
        line = os.environ["COMP_LINE"].split(" ")
        os.environ["COMP_LINE"] = f"{line[0]} {line[-1]}"
        os.environ["COMP_POINT"] = str(len(os.environ["COMP_LINE"]))
    if not completing:
        request = command_words.parse(words, verb=primary, needs_hw=False)
        words = hydra_words.overrides(request, request.stacks[0])
    sys.argv = [sys.argv[0], *flags, *words]
    main = hydra.main(version_base="1.3", config_path=os.fspath(paths.conf_dir()), config_name=primary)
    main(lambda config: None)()
