"""The instruction set: opcodes, one encode/decode table, and kernel-style text."""
