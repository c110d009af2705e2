"""The state of the walk: registers, stack, frames. Stored values are shared and immutable."""
