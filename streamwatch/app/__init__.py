"""The composition root: the only room that names concrete classes, and the order of start and stop."""
