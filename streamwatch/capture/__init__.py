"""Pixels in: reads untrusted live media, inside worker processes, and hands over decoded pictures."""
