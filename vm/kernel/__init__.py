"""Facts of Linux 6.12 as data, extracted by scripts/ from a kernel image."""
