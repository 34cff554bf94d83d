"""Pure functions from answers to metrics: accuracy, calibration, intervals, paired tests."""
