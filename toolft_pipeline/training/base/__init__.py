"""The base model: where it comes from, what it must satisfy, how it is converted and quantized."""
