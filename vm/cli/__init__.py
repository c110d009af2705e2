"""`python -m vm`: the stages from the command line, one line of JSON a program where asked for."""
