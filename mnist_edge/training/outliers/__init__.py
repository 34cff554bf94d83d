"""Pictures that show no digit, generated for outlier exposure."""
