"""What the walk knows at one moment: registers, stack, frames. Values are shared and never changed once stored."""
