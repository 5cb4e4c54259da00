"""What all command lines share: errors in one line, interrupts, Hydra's own flags, caches of compilations."""

import atexit
import gc
import hashlib
import os
import pkgutil
import platform
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import life_jax
from life_jax.config import words as command_words
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError
from life_jax.core import file_system
from life_jax.core.early_interrupt import INTERRUPTED
from life_jax.grid import executable_cache
from life_jax.terminal import layout
from life_jax.terminal.help import HELP

CACHE_BYTES = 2**28  # a study of many structures keeps some 20 MB

OUTPUT_FORMATS = ("text", "json")  # of commands that print instead of writing a file
USAGE = 2  # exit status
HYDRA_FLAGS = {"--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i", "--resolve", "--package", "-p"}
HYDRA_FLAGS |= {"--experimental-rerun"}
HYDRA_FLAGS_WITH_VALUE = {"--cfg", "-c", "--package", "-p"}


_interrupts: list[int] = []  # signals that have arrived


def _interrupt(number: int, frame: Any) -> None:
    _interrupts.append(number)
    raise KeyboardInterrupt


def stop_if_interrupted() -> None:
    """Raise KeyboardInterrupt again if Ctrl-C came where Python drops exceptions (in a destructor or a callback)."""
    if _interrupts:
        raise KeyboardInterrupt


def guarded(job: Callable[[list[str]], None], primary: str, usage: str = "") -> None:
    """Run a command line: a ConfigError, an OSError, or a number too large for floats, ends it with one line on stderr
    and status 2, Ctrl-C with 130.

    Any other exception is a bug: a traceback and status 1.

    job: takes the words; its name is that of the command. primary: name of the configuration that Hydra's own flags
    (--cfg, --info, --hydra-help) compose. usage: of a command that Hydra does not compose; `primary` is then not used.
    """
    words = sys.argv[1:]
    _open_streams()
    os.environ["MPLBACKEND"] = "agg"  # pictures are files, whatever the user has for windows
    # imports and tracing make little garbage, but many objects to look through: collecting takes a tenth of a second
    # meanwhile, and two tenths at the end
    gc.disable()
    atexit.register(gc.freeze)
    _remember_compilations()
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, _interrupt) if is_main else None
    try:
        flags, rest = _flags(words)
        if (any(word in ("--help", "-h") for word in words) or words[:1] == ["help"]) and (
            text := HELP.get(job.__name__, usage)
        ):
            print(text.rstrip("\n"))
        elif words[:1] in (["--version"], ["-V"]):
            print(f"life_jax {life_jax.__version__}")
        elif (task := _completion(words)) is not None:
            print(completion(task))
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
        # the program that reads the output has ended, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OverflowError:
        fail("a number is too large to compute with; are all of them what is meant?")
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        fail(str(error) if error.errno is None else f"{error.strerror}{where}")
    finally:
        gc.enable()
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _open_streams() -> None:
    """Open what a shell has closed (`>&-`) to nowhere, so that no file that is written gets the number of a stream."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open to the end


def _completion(words: Sequence[str]) -> str | None:
    """The task of tab completion, such as install=bash; None where the words ask for none."""
    for place, word in enumerate(words):
        flag, equals, task = word.partition("=")
        if flag in ("-sc", "--shell-completion"):
            return task if equals else " ".join(words[place + 1 : place + 2])
    return None


def completion(task: str) -> str:
    """What tab completion prints for a task. Raises ConfigError for one that is not known."""
    from life_jax.terminal.completion import complete

    return complete(task, commands())


def commands() -> list[str]:
    """Names of all commands: modules on top of the package."""
    modules = pkgutil.iter_modules(life_jax.__path__)
    return [m.name for m in modules if not m.ispkg and not m.name.startswith("_")]


def _remember_compilations() -> None:
    """Switch on JAX's own cache of compilations and ours of executables, of at most CACHE_BYTES each.

    They have one folder for each kind of processor. Nothing is done where the user has set JAX_COMPILATION_CACHE_DIR,
    or LIFE_JAX_CACHE=off; LIFE_JAX_CACHE may also name the folder. What is read there runs as code, so that nothing is
    kept, with a line that says so, where somebody else could put a file or a folder, nor where a system has no owners.
    """
    if not file_system.has_owners():
        return
    chosen = os.environ.get("LIFE_JAX_CACHE", "")
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not home.is_absolute():  # which its specification says to ignore
        home = Path(os.path.expanduser("~")) / ".cache"  # noqa: PTH111 - where no home is known it stays as it is
    if chosen == "off" or "JAX_COMPILATION_CACHE_DIR" in os.environ or not (chosen or home.is_absolute()):
        return
    if not chosen and not os.access(_existing(home), os.W_OK):
        return
    # executables are for one kind of processor, and machines that share a home may have several
    facts = Path("/proc/cpuinfo")
    flags = (
        next((x for x in facts.read_text().splitlines() if x.startswith(("flags", "Features"))), "")
        if facts.exists()
        else ""
    )
    kind = hashlib.sha256(f"{platform.machine()} {platform.processor()} {flags}".encode()).hexdigest()[:12]
    folder = Path(chosen or home / "life_jax").resolve() / kind
    try:
        executable_cache.make_private(folder / "executables")
        open_to_others = file_system.not_private(folder)
    except OSError:
        return  # read-only, or a file is in the way
    if open_to_others is not None:
        kept = f"nothing that is compiled is kept in {folder.parent} (chmod go-w)"
        warn([f"{open_to_others} may be written by others: {kept}"])
        return
    if "jax" not in sys.modules:  # a program that has imported JAX may have changed what is traced
        executable_cache.keep_in(folder / "executables", CACHE_BYTES, note)
    if not os.environ.get("JAX_COMPILATION_CACHE_MAX_SIZE", "0").removeprefix("-").isdecimal():
        fail("JAX_COMPILATION_CACHE_MAX_SIZE is no number of bytes; JAX, which reads it, would not start")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = os.fspath(folder)
    os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(CACHE_BYTES))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def _existing(folder: Path) -> Path:
    return next(f for f in (folder, *folder.absolute().parents) if f.is_dir())


def fail(message: str, more: Iterable[str] = ()) -> NoReturn:
    """End the process with an error on stderr, with further lines where there are any, and status 2."""
    _tell(f"error: {message}")
    print(*(f"{layout.printable(line)}\n" for line in more), sep="", end="", file=sys.stderr)
    sys.exit(USAGE)


def note(line: str) -> None:
    """Print a line on stderr about what was found and is done about it."""
    _tell(line)


def _tell(line: str) -> None:
    """Print a line on stderr, over several lines where that is a terminal that is narrower."""
    line = layout.printable(line)
    if sys.stderr.isatty():
        width = os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.fileno() >= 0 else 80
        line = "\n  ".join(layout.paragraph(line, width - 2))
    print(line, file=sys.stderr)


def refuse_axes(study: Any, verb: str) -> None:
    """Raise ConfigError for a study that has axes, which this command does not take."""
    if study.axes:
        raise ConfigError(f"{verb} takes no axes.{next(iter(study.axes))}; life_jax.sweep takes grids")


def warn(messages: Iterable[str]) -> None:
    """Print warnings on stderr, a line each; a terminal gets lines that fit it."""
    for message in messages:
        _tell(f"warning: {message}")


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
        if name in HYDRA_FLAGS_WITH_VALUE and "=" not in word and left:
            flags.append(left.pop(0))
    return flags, rest


def _hydra(flags: list[str], words: list[str], primary: str) -> None:
    """Let Hydra do --cfg, --info, or (--hydra-help) say every key. It only composes, without the job, JAX or files."""
    import hydra

    from life_jax.config import hydra_composition, hydra_words

    if "--resolve" in flags and not {"--cfg", "-c"} & {flag.split("=", 1)[0] for flag in flags}:
        raise ConfigError("--resolve goes with --cfg, such as --cfg job --resolve")
    request = command_words.parse(words, verb=primary, needs_hw=False)
    words = hydra_words.overrides(request, request.stacks[0])
    hydra_composition.declare_short_names()
    # our own --help is short; the application's help of Hydra lists every group and key
    sys.argv = [sys.argv[0], *("--help" if flag == "--hydra-help" else flag for flag in flags), *words]
    main = hydra.main(version_base="1.3", config_path=os.fspath(paths.conf_dir()), config_name=primary)
    with hydra_composition.folders_first(request.folders):
        main(lambda config: None)()
