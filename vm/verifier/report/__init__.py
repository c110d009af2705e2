"""Text for people: reads values, never changes them (kernel/bpf/log.c)."""
