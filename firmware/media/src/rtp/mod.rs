//! RTP (RFC 3550): packets, their order, and the payload formats that cameras send, in both directions.

pub mod depacketize;
pub mod packet;
pub mod packetize;
pub mod reorder;
pub mod sequence;

pub use depacketize::{DepacketizeError, Depacketizer, DepacketizerCounters, DepacketizerParams, Frame};
pub use packet::{Header, Packet, PacketError};
pub use packetize::{PacketList, PacketizeError, Packetizer, PayloadPacket};
pub use reorder::{Delivery, ReorderBuffer};
pub use sequence::{Arrival, SequenceCounters, SequenceTracker};
