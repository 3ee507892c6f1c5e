//! What another node says in parcels.

use consort_core::Command;
use consort_core::wire::circuit::{Answer, Ask, Header, Tell, append, decode, encode, header, messages, parcel};
use std::fmt::Debug;

/// Any bytes are a header with messages of either end, or refused; what was read is what its own encoding says.
pub fn circuit_parcels(data: &[u8]) {
    let Ok((header, rest)) = header(data) else { return };
    if header.of_opener {
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
    let body = parcel(before, messages);
    assert_eq!(header(&body), Ok((*before, messages)));
}

/// What a part carries, if it is a whole.
fn owned<T: for<'a> serde::Deserialize<'a> + serde::Serialize + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(value) = decode::<T>(bytes) else { return };
    assert_eq!(decode::<T>(&encode(&value)).as_ref(), Ok(&value));
}
