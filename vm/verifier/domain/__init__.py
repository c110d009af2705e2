"""Sets of numbers: tracked bits, signed and unsigned bounds, and the effect of arithmetic and branches on them.

Pure functions of values, without registers, instructions or the log.
"""
