"""Conversion of accesses of contexts and sockets: a table for each structure, with a recipe for each field."""
