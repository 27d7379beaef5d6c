"""The original service's HTTP API, version 1.0: its paths, parameters, answers and errors."""
