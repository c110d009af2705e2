"""What a walk of the verifier costs, and where: visits, checkpoints, failed comparisons (docs/profile.md)."""
