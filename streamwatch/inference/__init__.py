"""Scores out: everything between a picture and the probabilities of both models."""
