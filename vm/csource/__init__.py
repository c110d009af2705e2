"""What the text of a C source says without a compiler, and changes of it that a user can accept."""
