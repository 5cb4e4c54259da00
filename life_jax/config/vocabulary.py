"""The words that commands and studies may say, by what becomes of them."""

DEFAULT_MODEL = "llama2_7b"
DEFAULT_ENGINE = "generic"  # as conf/base.yaml has it
GROUPS = ("hw", "model", "opt")
CHOSEN = ("workload", "load", "engine", "cost")  # one file of each, of the defaults list
DRAFT = "draft.model"  # the model that drafts for another
OFFLOAD, PREFILL = "offload.hw", "prefill.hw"  # devices beside those of the layout
BESIDE = (DRAFT, OFFLOAD, PREFILL)
HEADS = tuple(word.split(".")[0] for word in BESIDE)
NAMED = (*GROUPS, "engine")  # words whose values are names
SECTIONS = (*GROUPS, *CHOSEN, "precision")
PLAIN = (
    "study", "convention", "metrics", "elasticity", "gains", "gradients",
    "reduce", "pareto", "best", "quantiles", "histogram", "by", "free", "plot", "out", "overwrite", "dtype", "format",
    "compress", "lazy", "sample", "seed", "shard", "executor", "cluster", "workers", "sort", "top", "rows",
)  # fmt: skip
TYPED_ONLY = ("overwrite", "executor", "cluster", "workers")  # what a study, which may be somebody else's, cannot say
FLAGS_WITH_VALUE = ("--config-dir", "-cd")
DESIGN = ("target", "range", "minimize")  # words of life_jax.design
PLAN = (
    "target",
    "minimize",
    "devices",
    "quality",
    "confidence",
    "budget",
    "write",
    "layout",
    "also",
)  # of life_jax.plan
WRITTEN = ("out", "write")  # words that name what is written
