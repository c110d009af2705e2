"""Random programs through the emulation and, where one is at hand, the real kernel (see docs/fuzzing.md)."""
