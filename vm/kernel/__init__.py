"""Facts of kernels as data, extracted from their images by `make facts` (docs/kernel-facts.md)."""
