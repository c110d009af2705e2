"""The BPF stack as a library: compile, load, verify, translate and run eBPF programs.

Knows nothing of Django, HTTP or users. Each stage takes the former stage's frozen value
and returns its own (see docs/architecture.md); `vm.pipeline` strings them together.
Importing this package costs nothing: import the stage you need.
"""
