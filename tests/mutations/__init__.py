"""Mutations of accepted programs: each puts in one known cause, which the explanation has to find."""
