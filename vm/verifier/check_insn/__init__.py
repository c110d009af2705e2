"""One instruction's effect on the state, by class: arithmetic, jumps, constants, atomics, the way out."""
