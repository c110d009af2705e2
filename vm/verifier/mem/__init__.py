"""Checks of memory accesses, and the values that reads return: one module per memory region."""
