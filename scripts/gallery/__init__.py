"""The gallery of verifier errors: from the rules and the programs of gallery/ to gallery/index.jsonl.

`content` reads the folder, `ours` says what the emulated verifier makes of a program, `kernels` asks real ones,
`index` puts it together, `__main__` is the command. docs/gallery.md says how to add a page.
"""
