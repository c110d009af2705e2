"""What programs that load BPF programs say of their failures, and what it means."""
