"""What decoding rests on: keys and values of rows, the stop rule, text as it is written."""
