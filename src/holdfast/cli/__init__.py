"""The command line: a command parses, calls one method of `Project`, and prints. No logic of its own."""
