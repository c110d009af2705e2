"""BPF Type Format: parsing, layout, .BTF.ext records, and C text of types."""
