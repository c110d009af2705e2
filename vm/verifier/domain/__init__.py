"""Sets of numbers: tracked bits, signed and unsigned bounds, and what arithmetic and branches do to them.

Values in, values out; nothing here knows registers, instructions or the log.
"""
