"""Finds steps in what is stored of a walk or a run: visits, ends of paths, changes, conditions (docs/seeking.md)."""
