"""The command line: verbs, their options and exit codes."""
