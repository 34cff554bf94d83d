"""Reading pictures on a cluster, on Ray: plan tasks, run each to one part, sum them up."""
