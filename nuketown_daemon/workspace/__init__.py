"""Finding or preparing the directory a task is worked on in."""
