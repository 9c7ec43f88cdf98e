//! Organisers' Markdown: read into blocks, and escaped where a value must stay plain words.
