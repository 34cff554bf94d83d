"""The command line: one file per command, the only code that prints, prompts or exits.

Modules with commands do not import annotations from ``__future__``: typer evaluates a command's
annotations at each start, and as strings they would have to be compiled first, which takes it three
times as long.
"""

import atexit
import gc

# A start makes some fifty thousand objects and hardly any garbage, which Python would look for a
# hundred times, and once more at the end, when everything goes with the process.
gc.set_threshold(50_000)
atexit.register(gc.freeze)
