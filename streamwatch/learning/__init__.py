"""Heads trained, calibrated and measured on labelled rows, with the encoder and preprocessing that the daemon runs."""
