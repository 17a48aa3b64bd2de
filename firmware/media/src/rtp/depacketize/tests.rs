//! Behaviour on hand-made packets.
