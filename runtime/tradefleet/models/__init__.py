"""Inference and validation of trained models. Nothing lives here yet; spec.models refuses to be switched on."""
