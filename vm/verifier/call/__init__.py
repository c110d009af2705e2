"""Calls: helpers by prototype, functions of the program, callbacks, kernel functions."""
