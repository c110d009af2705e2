"""What an access to a program's context (or a socket) becomes: one table a structure, one recipe a field."""
