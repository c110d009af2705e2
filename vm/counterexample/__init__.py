"""Searches for an input that makes a rejected memory access go wrong, along the path the verifier rejected.

request.py takes the path out of a recorded walk, solver.py asks a confined child process, and everything that child
needs is in child.py and below: z3 is imported nowhere else.
"""
