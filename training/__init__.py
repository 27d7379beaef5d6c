"""Builds the labelled set of the starter weights from licensed sources and drawings of our own, and trains on it."""
