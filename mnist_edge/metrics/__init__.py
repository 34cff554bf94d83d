"""Pure functions from answers to figures: accuracy, calibration, intervals, paired tests."""
