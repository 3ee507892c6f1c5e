//! What another node says in parcels.

use consort_core::Command;
use consort_core::wire::circuit::{
    Answer, Ask, Envelope, Form, Header, Tell, append, decode, encode, envelope, header, messages, parcel, said,
};
use std::fmt::Debug;

/// Any bytes are an envelope, with a header and messages of either end in it, or refused; what was read is what its own encoding says.
pub fn circuit_parcels(data: &[u8]) {
    let Ok((Envelope { session, form }, held)) = envelope(data) else { return };
    assert_eq!(envelope(&parcel(session, form, held)), Ok((Envelope { session, form }, held)));
    // As if it had opened.
    let Ok((header, rest)) = header(held) else { return };
    if matches!(form, Form::Offer | Form::Asks(_)) {
        let Ok(asks) = messages::<Ask<'_>>(rest) else { return };
        let bytes = asks.iter().fold(Vec::new(), |bytes, ask| append(ask, bytes));
        assert_eq!(messages::<Ask<'_>>(&bytes).as_ref(), Ok(&asks));
        same_header(&header, &bytes);
        for ask in &asks {
            if let Ask::Command { part, .. } = ask {
                owned::<Command>(part.bytes);
            }
        }
    } else {
        let Ok(tells) = messages::<Tell<'_>>(rest) else { return };
        let bytes = tells.iter().fold(Vec::new(), |bytes, tell| append(tell, bytes));
        assert_eq!(messages::<Tell<'_>>(&bytes).as_ref(), Ok(&tells));
        same_header(&header, &bytes);
        for tell in &tells {
            if let Tell::Answer(_, part) = tell {
                owned::<Answer>(part.bytes);
            }
        }
    }
}

fn same_header(before: &Header, messages: &[u8]) {
    let body = said(before, messages);
    assert_eq!(header(&body), Ok((*before, messages)));
}

/// What a part carries, if it is a whole.
fn owned<T: for<'a> serde::Deserialize<'a> + serde::Serialize + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(value) = decode::<T>(bytes) else { return };
    assert_eq!(decode::<T>(&encode(&value)).as_ref(), Ok(&value));
}
