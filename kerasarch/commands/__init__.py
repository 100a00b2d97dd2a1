"""The command line: the click program, one command a file."""
