"""Verifier logs that people paste: of any kernel, in any wrapper, whole or cut.

Everything here follows from the text. What a log does not carry stays empty.
"""
