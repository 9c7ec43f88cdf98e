# Sources, and what is wrong with them.
