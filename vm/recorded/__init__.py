"""A recording of programs that ran in a real kernel, instruction by instruction, as data (docs/recordings.md)."""
