"""vm values -> what templates and scripts read: the only such place."""
