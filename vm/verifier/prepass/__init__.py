"""What bpf_check() does before the walk and right after it, from the instructions and BTF alone."""
