//! Equal amounts under different spellings: the API server rewrites `1000m` as `1` (used by `drift`).

/// Whether both are Kubernetes quantities of the same amount.
pub fn same_amount(left: &str, right: &str) -> bool {
    matches!((nanos(left), nanos(right)), (Some(left), Some(right)) if left == right)
}

/// A size in whole bytes, rounded down; `None` when `text` is no quantity or negative.
pub fn bytes(text: &str) -> Option<u64> {
    u64::try_from(nanos(text)? / 1_000_000_000).ok()
}

/// The amount in billionths; `None` when `text` is no quantity or too large to tell.
/// Grammar: `<number><suffix>` of k8s.io/apimachinery/pkg/api/resource.
fn nanos(text: &str) -> Option<i128> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let (number, suffix) = digits.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let (numerator, denominator) = scale(suffix)?;
    let places = u32::try_from(fraction.len()).ok()?;
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let billionths = mantissa.checked_mul(numerator)?.checked_mul(1_000_000_000)?;
    // The API server rounds up below a billionth; such amounts don't occur in what we build.
    Some(sign * (billionths / 10_i128.checked_pow(places)? / denominator))
}

fn scale(suffix: &str) -> Option<(i128, i128)> {
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1_000),
        "k" => (1_000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        _ => {
            let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let size = 10_i128.checked_pow(power.unsigned_abs())?;
            if power < 0 { (1, size) } else { (size, 1) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_amount_is_recognised_under_its_spellings() {
        for (left, right) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1Gi", "1024Mi"),
            ("1e3", "1k"),
            ("20Gi", "20Gi"),
            ("1.5Gi", "1536Mi"),
            ("12E", "12000P"),
        ] {
            assert!(same_amount(left, right), "{left} = {right}");
        }
    }

    #[test]
    fn other_amounts_and_other_texts_are_different() {
        for (left, right) in
            [("1", "2"), ("1Gi", "1G"), ("relay", "relay "), ("", "0"), (".", "0"), ("1.2.3", "1.2")]
        {
            assert!(!same_amount(left, right), "{left} != {right}");
        }
    }
}
