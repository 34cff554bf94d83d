"""Reading pictures on a cluster, by Ray Data: plan tasks, run each to one part, sum them up."""
