"""The model of draft.model= as what drafts in a scenario."""

from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.schema.model_file import ModelFile
from life_jax.core.speculation import Speculation

# tables of one tokenizer are padded differently (151 936 and 152 064 rows of Qwen2.5)
SAME_VOCABULARY = 1.02


def drafted_by(draft: ModelFile) -> Speculation:
    """Drafts of a model, none of them yet: an option says how many."""
    return Speculation(model=(architecture(draft, "draft.model"),))


def other_words(draft: ModelFile, model: ModelFile, label: str) -> list[str]:
    """A line where the draft cannot have the model's tokens; rows that pad a table do not count."""
    rows = (draft.vocab_size, model.vocab_size)
    if max(rows) <= SAME_VOCABULARY * min(rows):
        return []
    return [
        f"draft.model has {rows[0]:g} tokens, {label} {rows[1]:g}: engines take drafts of a model with the same tokens"
    ]
