//! Makes an input that breaks something smaller, as long as it still does.

/// How many attempts are made.
const ATTEMPTS: usize = 250;

/// Cuts pieces out of `input` while `breaks` says it still breaks; returns the smallest and what was
/// said about it last.
pub fn shrink<T>(
    mut input: Vec<u8>,
    mut breaks: impl FnMut(&[u8]) -> Option<T>,
) -> (Vec<u8>, Option<T>) {
    let mut said = None;
    let mut attempts = 0;
    let mut piece = input.len().div_ceil(2).max(1);
    loop {
        let mut start = 0;
        let mut smaller = false;
        while start < input.len() && attempts < ATTEMPTS {
            let end = (start + piece).min(input.len());
            let candidate = [&input[..start], &input[end..]].concat();
            attempts += 1;
            match breaks(&candidate) {
                Some(message) => {
                    input = candidate;
                    said = Some(message);
                    smaller = true;
                }
                None => start = end,
            }
        }
        if attempts >= ATTEMPTS || (piece == 1 && !smaller) {
            return (input, said);
        }
        piece = piece.div_ceil(2);
    }
}

#[cfg(test)]
mod tests {
    use super::shrink;

    #[test]
    fn what_matters_is_left() {
        let input = b"some text with a needle in it".to_vec();
        let holds = |bytes: &[u8]| {
            let found = bytes.windows(6).any(|window| window == b"needle");
            found.then_some(())
        };
        assert_eq!(shrink(input, holds).0, b"needle");
    }

    #[test]
    fn what_breaks_without_input_becomes_empty() {
        assert!(shrink(vec![1; 1000], |_| Some(())).0.is_empty());
    }
}
