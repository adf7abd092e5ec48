"""A trained network in files that other programs read: safetensors and ONNX."""
