"""How a checkpoint stores its weights: the section of its config.json (or the file beside it) -> format by tensor.

storage: how one matrix is stored. scheme: which modules have which storage. methods_*: a reader for each method.
modules: the modules of a checkpoint behind our tensors. patterns: names, globs and regular expressions of modules.
assignment: scheme and modules -> options. section: finds the section and its reader.
"""
