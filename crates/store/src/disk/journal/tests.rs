use super::*;

fn frame(before: Revision, last: Revision, value: Option<&[u8]>) -> Vec<u8> {
    let mut draft = Draft::after(before);
    draft.add(b"pods\0default\0a", value);
    draft.add(b"pods\0default\0b", Some(b"other"));
    draft.finish(last)
}

fn revisions(text: &[u8]) -> Vec<Revision> {
    frames(text).iter().map(|frame| frame.last).collect()
}

#[test]
fn frames_are_read_as_they_were_written() {
    let text = [frame(1, 3, Some(b"value")), frame(3, 4, None)].concat();
    let read = frames(&text);
    assert_eq!(revisions(&text), [3, 4]);
    assert_eq!(read[0].before, 1);
    let pairs: [Entry<'_>; 2] = [
        (b"pods\0default\0a", Some(b"value")),
        (b"pods\0default\0b", Some(b"other")),
    ];
    assert_eq!(read[0].entries, pairs);
    assert_eq!(read[1].entries[0], (pairs[0].0, None));
}

#[test]
fn what_does_not_follow_is_not_read() {
    // What was there before it was begun anew, of the same length: it is older, and does not follow.
    let text = [frame(7, 8, None), frame(4, 5, None)].concat();
    assert_eq!(revisions(&text), [8]);
    assert_eq!(beyond(&text, 8), None);
    // A hole, and what comes after it.
    let text = [frame(7, 8, None), vec![0; 64], frame(9, 10, None)].concat();
    assert_eq!(revisions(&text), [8]);
    assert!(beyond(&text, 8).is_some());
}

#[test]
fn a_frame_that_was_cut_or_changed_is_none() {
    let (first, second) = (frame(1, 2, Some(b"value")), frame(2, 3, Some(b"last")));
    let text = [first.as_slice(), &second].concat();
    for end in 0..text.len() {
        let whole = revisions(&text[..end]);
        // Zeros at its end may be missing.
        let least = usize::from(end >= first.len());
        assert!((least..=2).contains(&whole.len()), "{end}");
        assert!(whole.len() < 2 || end + STEP > text.len(), "{end}");
    }
    for at in 0..first.len() {
        for bit in 0..8 {
            let mut damaged = text.clone();
            damaged[at] ^= 1 << bit;
            // The last four bytes of the head and of the frame mean nothing.
            let meant = revisions(&damaged).is_empty();
            assert!(
                meant || (36..HEAD).contains(&at) || at >= first.len() - STEP,
                "{at}"
            );
            assert_eq!(beyond(&damaged, 2), Some(first.len()), "{at}");
        }
    }
}
