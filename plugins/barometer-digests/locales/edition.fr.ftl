# Editions and their editors.
