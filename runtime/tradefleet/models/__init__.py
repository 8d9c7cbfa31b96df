"""Inference and validation of trained models: empty yet; spec.models refuses to be switched on."""
