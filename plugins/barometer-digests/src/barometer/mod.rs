//! Figures: datasets, their versions, and what changed between a barometer's editions.
