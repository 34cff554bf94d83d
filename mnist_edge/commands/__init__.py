"""The command line: one file a command, the only code that prints, prompts or exits."""

import atexit
import gc

# A start makes some fifty thousand objects and next to no garbage, which Python would look for a
# hundred times, and once more at the end, when all goes with the process.
gc.set_threshold(50_000)
atexit.register(gc.freeze)
