"""When a path need not be walked: a checkpoint that covers it was found safe, or a loop has converged."""
