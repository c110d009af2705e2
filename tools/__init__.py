"""Commands for people who work on bpfscope."""
