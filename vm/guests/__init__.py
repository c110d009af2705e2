"""Real kernels: guests that are restored from saved, booted ones, one for each job (docs/kernels.md)."""
