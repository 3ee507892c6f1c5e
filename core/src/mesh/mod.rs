//! What all nodes of a mesh agree on. Now: the replicated map of facts, with this node's own facts in it.

pub mod facts;
