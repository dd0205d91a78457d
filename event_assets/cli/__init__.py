"""The command line: one thin module a command. It parses arguments and prints; the other packages compute."""
