//! Takes the masks off a client's WebSocket bytes (RFC 6455 section 5.3), so that a search sees what the relay sees.

/// The HTTP request as it is, then the payload of each frame without its mask; a cut-off last frame is kept too.
pub fn unmasked(bytes: &[u8]) -> Vec<u8> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) else {
        return bytes.to_vec();
    };
    let (head, mut rest) = bytes.split_at(end);
    let mut out = head.to_vec();
    if !head.to_ascii_lowercase().windows(9).any(|window| window == b"websocket") {
        out.extend_from_slice(rest);
        return out;
    }
    while let Some((payload, after)) = frame(rest) {
        out.extend(payload);
        rest = after;
    }
    out
}

fn frame(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (&[_, second], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match second & 0x7f {
        126 => rest.split_first_chunk::<2>().map(|(l, r)| (u64::from(u16::from_be_bytes(*l)), r))?,
        127 => rest.split_first_chunk::<8>().map(|(l, r)| (u64::from_be_bytes(*l), r))?,
        short => (u64::from(short), rest),
    };
    let (mask, rest) = if second & 0x80 == 0 {
        ([0; 4], rest)
    } else {
        rest.split_first_chunk::<4>().map(|(m, r)| (*m, r))?
    };
    let length = usize::try_from(length).ok()?.min(rest.len());
    let (payload, rest) = rest.split_at(length);
    Some((payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masked_example_of_rfc_6455_reads_hello() {
        let mut bytes = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec();
        bytes.extend([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        assert!(unmasked(&bytes).ends_with(b"\r\n\r\nHello"));
    }

    #[test]
    fn a_plain_request_is_left_as_it_is() {
        let bytes = b"POST / HTTP/1.1\r\n\r\nbody";
        assert_eq!(unmasked(bytes), bytes);
    }
}
