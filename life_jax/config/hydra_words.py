"""A Request in the words that Hydra 1.3 needs."""

from life_jax.config.schema import paths
from life_jax.config.schema.yaml_files import names_file, read_yaml
from life_jax.config.word_values import render
from life_jax.config.words import Request


def overrides(request: Request, stack: tuple[str, ...]) -> list[str]:
    """The request with one of its stacks as Hydra's overrides, such as `+hw@hw.v100=v100_sxm2_32gb`."""
    words = [f"+{g}@{g}.{c.key}={c.name}" for g in ("hw", "model") for c in getattr(request, g) if c.is_ours]
    words += [f"++model.{c.key}.quantization={render(c.stored)}" for c in request.model if c.weights]
    words += [f"+opt@opt.{name}={name}" for name in stack]
    for group, name in request.groups.items():
        if names_file(name):  # a file of the user's own: its keys on top of the default choice
            words += [f"++{group}.{key}={render(value)}" for key, value in read_yaml(paths.user_path(name)).items()]
        else:
            words.append(f"{group}={name}")
    values = {**request.scalars, **{f"axes.{k}": v for k, v in request.axes.items()}, **request.plain}
    words += [f"++{key}={render(value)}" for key, value in values.items() if key != "format"]
    return [*words, *request.hydra]
