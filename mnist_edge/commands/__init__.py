"""The command line: one file a command, the only code that prints, prompts or exits."""

import gc

# Start-up makes some fifty thousand objects and next to no garbage, which Python would look for a
# hundred times over: a fifth of the time of a whole `predict digit.png`.
gc.set_threshold(50_000)
