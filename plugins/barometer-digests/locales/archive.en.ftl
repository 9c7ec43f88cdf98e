# The public archive.
