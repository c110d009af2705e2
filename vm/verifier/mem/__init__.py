"""Whether memory may be read or written, and what a read leaves in the register: one module a region."""
