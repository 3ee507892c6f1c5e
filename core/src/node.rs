//! The composition root.
/// c
pub struct Config;
/// c
pub struct Identity;
/// c
pub struct Restored;
/// c
pub struct Node;
