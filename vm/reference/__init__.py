"""Short explanations of instructions, registers, fields and phrases of the log, helpers, kfuncs and flags."""
