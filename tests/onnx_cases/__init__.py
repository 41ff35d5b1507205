"""ONNX's backend cases as a foreign witness: models and answers that others made, run on our readings of a network."""
