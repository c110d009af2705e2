"""Searches for an input that makes a rejected memory access go wrong, along the path the verifier rejected.

request.py extracts the path from a recorded walk, solver.py sends it to a confined child process. The child runs
child.py and the modules that it imports; z3 is imported nowhere else.
"""
