"""The command line: one thin module a command. What a command does is done elsewhere; here it is asked and shown."""
