use super::*;

/// A struct that has grown by one member since its first version.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grown {
    struct_size: usize,
    first: u32,
    second: u32,
    appended: u64,
}

// SAFETY: `repr(C)`, of integers only, and the size comes first.
unsafe impl Record for Grown {
    const FIRST_SIZE: usize = 16;
}

const DEFAULT: Grown = Grown {
    struct_size: 24,
    first: 1,
    second: 2,
    appended: 3,
};

#[test]
fn a_panic_becomes_a_code() {
    assert_eq!(boundary(|_| panic!("on purpose")), TRUNKLINE_ERR_PANIC);
    assert_eq!(boundary(|_| Ok(())), TRUNKLINE_OK);
}

#[test]
fn a_payload_that_panics_when_dropped_becomes_a_code() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let code = boundary(|_| std::panic::panic_any(Bomb));
    assert_eq!(code, TRUNKLINE_ERR_PANIC);
}

#[test]
fn options_of_an_older_header_have_defaults_for_what_it_does_not_know() {
    let older = Grown {
        struct_size: 16,
        first: 7,
        second: 8,
        appended: 9,
    };
    let newer = Grown {
        struct_size: 24,
        ..older
    };
    // SAFETY: both are as long as they say.
    let read = |options: &Grown| unsafe { Call::new().options(options, DEFAULT) };
    let expected = Grown {
        appended: DEFAULT.appended,
        ..older
    };
    assert_eq!(read(&older), Ok(expected));
    assert_eq!(read(&newer), Ok(newer));
    for struct_size in [0, 8, 15, 25, usize::MAX] {
        let wrong = Grown {
            struct_size,
            ..older
        };
        assert_eq!(read(&wrong), Err(Code(TRUNKLINE_ERR_STRUCT_SIZE)));
    }
}

#[test]
fn a_struct_is_stored_as_far_as_the_caller_knows_it() {
    for size in 16..=40 {
        let mut memory = [u64::MAX; 6];
        let ptr = memory.as_mut_ptr();
        // SAFETY: the memory is longer than any of the sizes.
        let out = unsafe { Call::new().record(ptr.cast::<Grown>(), size) };
        let Ok(out) = out else {
            panic!("{size} bytes are refused");
        };
        out.set(DEFAULT);
        let bytes = memory.map(u64::to_ne_bytes).concat();
        let mut expected = [0xFF; 48];
        expected[..size].fill(0);
        let whole = [
            24_usize.to_ne_bytes(),
            (1_u64 | 2 << 32).to_ne_bytes(),
            3_u64.to_ne_bytes(),
        ];
        let known = size.min(24);
        expected[..known].copy_from_slice(&whole.concat()[..known]);
        assert_eq!(bytes, expected, "{size} bytes");
    }
}

#[test]
fn what_is_written_overlaps_with_nothing() {
    let mut bytes = [0_u8; 32];
    let ptr = bytes.as_mut_ptr();
    for start in 0..=16 {
        let mut call = Call::new();
        // SAFETY: the memory is there, and no two references to it are made.
        let (first, second) = unsafe {
            (
                call.slice_mut(ptr.add(8), 8).is_ok(),
                call.slice(ptr.add(start), 8).err(),
            )
        };
        assert!(first);
        let expected = (start > 0 && start < 16).then_some(Code(TRUNKLINE_ERR_OVERLAP));
        assert_eq!(second, expected, "from byte {start}");
    }
}

#[test]
fn what_is_only_read_may_overlap() {
    let bytes = [0_u8; 32];
    let mut call = Call::new();
    // SAFETY: the memory is there.
    let (first, second) = unsafe {
        (
            call.slice(&raw const bytes[0], 32),
            call.slice(&raw const bytes[8], 8),
        )
    };
    assert!(first.is_ok() && second.is_ok());
}

#[test]
fn a_needed_length_is_stored_and_no_other_failure_is() {
    let mut len = 7;
    // SAFETY: `len` is there, and not used meanwhile.
    let mut report = |result| unsafe { Call::new().out(&raw mut len)?.report(result) };
    let closed = report(Err(Error::Closed));
    let short = report(Err(Error::BufferTooShort {
        needed: 9,
        actual: 0,
    }));
    assert_eq!(closed, Err(Code(TRUNKLINE_ERR_CLOSED)));
    assert_eq!(short, Err(Code(TRUNKLINE_ERR_BUFFER_TOO_SHORT)));
    assert_eq!(len, 9);
}
