"""The front door: health, metrics, and what else is asked by HTTP."""
