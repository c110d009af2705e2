"""The passes of bpf_check() before and right after the walk, which need only instructions and BTF."""
