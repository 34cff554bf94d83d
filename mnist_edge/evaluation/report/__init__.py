"""The accuracy-drop report: the cost of each quantization scheme, measured and described."""
