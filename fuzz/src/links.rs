//! What another node sends on a link.

use consort_core::limits;
use consort_core::wire::{Content, Frame};

/// Any bytes are a frame or refused. A frame keeps every bound, costs no more memory than its bytes account for, and is what its own
/// encoding says.
pub fn link_frames(data: &[u8]) {
    let Ok(frame) = Frame::decode(data) else { return };
    assert!(data.len() <= limits::LINK_FRAME_BYTES);
    assert!(room(&frame) <= 4 + 2 * data.len(), "more is allocated than was sent");
    keeps_bounds(&frame);
    let bytes = frame.encode();
    assert!(bytes.len() <= data.len(), "the encoding is the shortest");
    assert_eq!(Frame::decode(&bytes), Ok(frame));
}

/// Elements that there is memory for.
fn room(frame: &Frame) -> usize {
    match frame {
        Frame::Facts(facts) | Frame::Farewell(facts) => facts.capacity(),
        Frame::Reconcile(spans) => spans.capacity(),
        Frame::Want(keys) => keys.capacity(),
        Frame::Parcel(parcel) => parcel.body.capacity(),
        Frame::Hello(_) | Frame::Heartbeat(_) | Frame::Lost(_) => 0,
    }
}

fn keeps_bounds(frame: &Frame) {
    match frame {
        Frame::Facts(facts) | Frame::Farewell(facts) => {
            assert!(facts.iter().all(|(key, fact)| key.fits(&fact.value)));
        }
        Frame::Reconcile(spans) => {
            assert!(spans.len() <= limits::SPANS);
            for span in spans {
                if let Content::Keys(listed) = &span.content {
                    assert!(listed.len() <= limits::SPAN_KEYS && listed.capacity() <= 2 * limits::SPAN_KEYS);
                }
            }
        }
        Frame::Parcel(parcel) => {
            assert!(parcel.body.len() <= limits::PARCEL_BYTES && parcel.hops <= limits::HOPS);
        }
        Frame::Want(_) | Frame::Hello(_) | Frame::Heartbeat(_) | Frame::Lost(_) => {}
    }
}
