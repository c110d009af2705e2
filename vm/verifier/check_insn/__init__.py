"""Checks of instructions by class: arithmetic, jumps, constants, atomics, exit."""
