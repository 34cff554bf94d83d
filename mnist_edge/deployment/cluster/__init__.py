"""Reading pictures by the million: plan tasks, run each to one part here or on Ray, sum them up."""
