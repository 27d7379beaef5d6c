"""The pieces put in a row: one watched stream, and the supervisor that keeps all of them watched."""
