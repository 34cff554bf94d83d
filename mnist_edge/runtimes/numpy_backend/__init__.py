"""An interpreter of int8 TFLite files in numpy alone, for machines without a TFLite runtime."""
