"""The command line: one thin module a command. It parses arguments and prints; other rooms do the work."""
