//! Reads a digest file: everything wrong with it at once, each problem at its line.
