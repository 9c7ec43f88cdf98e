//! What plugins say, before any platform's markup: documents, their rendering rules, organisers' templates.

pub mod document;
pub mod layout;
pub mod markdown;
pub mod template;

pub use document::{Block, Choice, Document, MediaHash, Poll, Span, Table, Text};
pub use layout::{Body, Button, Capabilities, Layout, Part, PollLimits, TextUnit, Warning};
