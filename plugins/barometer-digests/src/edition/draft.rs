//! Puts what fell into a window into an edition: a pure function of its inputs.
