"""python -m life_jax.calibrate FILE hw=NAME engine=NAME [out=FILE.yaml]: constants of one's own machine."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from life_jax.config import words as command_words
from life_jax.config.schema import paths
from life_jax.config.schema.errors import MOST_LINES, ConfigError
from life_jax.core.whole_file import refuse_taken, whole_file
from life_jax.terminal import command, tables
from life_jax.terminal.progress import waiting

USAGE = (
    "python -m life_jax.calibrate FILE hw=NAME [engine=NAME] [model=NAME] [opt=FORMAT] [batch=N] [prompt=N] [output=N]"
    " [concurrency=N] [out=FILE.yaml] [overwrite=true]"
)
MEANING = """Finds the constants of one machine that a few measurements tell, and writes them as an engine's file.
FILE       what life_jax.validate reads: a table, or what llama-bench, vLLM, SGLang, ... wrote; its hardware and engine
           are not looked at: every row is of hw= under engine= (generic)
model=, opt=, batch=, prompt=, output=, concurrency=   what the file does not say, as in life_jax.validate
out=       HW_ENGINE.yaml unless said otherwise; engine=FILE.yaml takes it everywhere"""
OWN_WORDS = ("hw", "engine", "out", "overwrite")
MOST_ROWS = 2000  # of one machine: the slopes of all rows are held in memory


def main() -> None:
    """Run the command line."""
    command.guarded(calibrate, "sweep", f"{USAGE}\n\n{MEANING}")


def calibrate(words: list[str]) -> None:
    """Fit the constants of an engine to measurements of one machine, write its file and print both as tables.

    Every row counts as measured on hw= under engine=, whatever its columns hardware and engine hold. Raises
    ConfigError for words that make no sense, and where no row is understood.
    """
    from life_jax.config import choices, conf_files
    from life_jax.config.schema.yaml_files import as_yaml
    from life_jax.measurements import next_row
    from life_jax.measurements.calibration import CONSTANTS, as_file
    from life_jax.measurements.calibration import calibrate as fit

    file, typed = _words(words)
    (device,) = choices.devices_and_models("hw", typed["hw"], ())
    if device.built:
        raise ConfigError(f"{device.note.split(';', 1)[0]}; scripts/measure_host.py writes its file, which hw= takes")
    hw, engine = device.name, choices.engine(typed["engine"], (device,), ())
    out = paths.output(typed["out"] or f"{device.key}_{Path(engine).stem}.yaml")
    paths.refuse_read(out, [file, hw, engine])
    refuse_taken(out, overwrite=typed["overwrite"] == "true")
    settings = _settings(file, hw, engine, {word: value for word, value in typed.items() if value})
    of_class = conf_files.efficiency(hw)
    spreads = {"ttft": of_class.ttft_spread, "tpot": of_class.tpot_spread, "e2e": of_class.e2e_spread}
    with waiting(f"calibrating on {len(settings)} rows"):
        fitted = fit(settings, spreads)
    rows_of = f"{len(settings)} rows of {file.name}, {date.today()}"
    source = f"python -m life_jax.calibrate on {rows_of}, from engine={engine}"
    content = as_file(fitted, conf_files.engine_file(engine), out.stem, source)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out, overwrite=typed["overwrite"] == "true") as new:
        new.write_text(as_yaml(content))
    rows, constants = [], fitted.values()
    spread_left = fitted.deviation / fitted.prior
    for constant, left, is_identified in zip(CONSTANTS, spread_left, fitted.identified, strict=True):
        for key in constant.keys:
            before, after = constants[key]
            remark = "yes" if is_identified else "no" if before else "not part of this engine"
            remark = remark if key == constant.key or not before else f"as {constant.key}"
            rows.append((key, f"{before:.4g}", f"{after:.4g}", f"{left:.0%}", remark))
    columns = [("constant", "left"), ("class", "right"), ("calibrated", "right"), ("spread left", "right")]
    tables.table([*columns, ("identified", "left")], rows, f"{hw} under {engine}: {len(settings)} rows")
    rows = [
        (s.id, s.metric, f"{s.value:.5g}", *(f"{_error(log):+.0f} %" for log in logs))
        for s, *logs in zip(settings, fitted.before, fitted.after, fitted.left_out, strict=True)
    ]
    columns = [("row", "left"), ("metric", "left"), ("measured", "right"), ("time off before", "right")]
    tables.table([*columns, ("after", "right"), ("from the others", "right")], rows[:20])
    _say_judgement(fitted)
    further = next_row.of_one_machine(settings)
    if further is not None:
        tables.say(str(further))
    print(f"python -m life_jax.sweep hw={hw} engine={out} uses it")
    print(out)


def _say_judgement(fitted: Any) -> None:
    """Print how far rows are off that a calibration has not seen, and whether the class stays."""
    before, unseen = (100 * float(abs(logs).mean()) for logs in (fitted.before, fitted.left_out))
    if len(fitted.settings) < 2:
        print("a single row cannot be judged by others")
        return
    said = f"off by {before:.0f} % under the class, {unseen:.0f} % calibrated on the other rows (mean log)"
    print(f"{said}: the class is kept" if fitted.kept else said)


def _settings(file: Path, hw: str, engine: str, words: dict[str, str]) -> list[Any]:
    """Settings and values of the rows of a file, as measured on hw under engine.

    Warns of rows that are not understood, or so far off that their unit must be wrong. words: what holds where the
    file does not have it. Raises ConfigError where no row is understood, or more than MOST_ROWS.
    """
    from life_jax.measurements import accuracy, forecasts
    from life_jax.measurements import rows as measurements
    from life_jax.measurements.readers import index

    settings, skipped = [], Counter[str]()
    for row in index.rows(file, index.checked(words)):
        setting = measurements.place({**row, "hardware": hw, "canonical": hw}, engine)
        if not isinstance(setting, str) and setting.load is not None:
            setting = "requests beside others tell of no single constant: measure one request, or one batch, at a time"
        if isinstance(setting, str):
            skipped[setting if len(skipped) >= MOST_ROWS else f"{row['id'][:40]}: {setting}"] += 1
        else:
            settings.append(setting)
        if len(settings) > MOST_ROWS:
            raise ConfigError(f"{file}: more than {MOST_ROWS} rows of one machine; a few say as much")
    if settings:
        of = accuracy.questioned(settings, forecasts.forecasts(settings), forecasts.forecasts(settings, "ideal"))
        for s in (s for s, doubtful in zip(settings, of, strict=True) if doubtful):
            skipped[f"{s.id}: {s.metric} {s.value:g} is about 1000 times off the roofline: is its unit right?"] += 1
        settings = [s for s, doubtful in zip(settings, of, strict=True) if not doubtful]
    lines = [reason if count == 1 else f"{count} rows: {reason}" for reason, count in skipped.items()]
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"{len(lines) - MOST_LINES} further rows are not understood"]
    if not settings:
        raise ConfigError(f"{file}: no row is understood, so that there is nothing to calibrate on", lines)
    command.warn(lines)
    return settings


def _error(log: Any) -> float:
    import math

    return 100 * (math.exp(float(log)) - 1)


def _words(words: list[str]) -> tuple[Path, dict[str, str]]:
    """The file of measurements, and text by word."""
    from life_jax.measurements.readers import index

    accepted = tuple(dict.fromkeys((*OWN_WORDS, *index.KNOWN_WORDS)))
    files, typed = command_words.read_words(words, accepted, USAGE)
    if len(files) != 1 or "hw" not in typed:
        raise ConfigError(f"one file and hw= are needed: {USAGE}")
    typed = {"engine": "generic", "out": "", "overwrite": "false"} | typed
    if typed["overwrite"] not in ("true", "false"):
        raise ConfigError(f"overwrite={typed['overwrite']}: true or false is needed")
    return paths.user_path(files[0]), typed


if __name__ == "__main__":
    main()
