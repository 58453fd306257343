/// Counters of a [`JitterBuffer`](super::JitterBuffer), all in samples unless said otherwise.
///
/// After every pull `decoded + concealed + stretched − cut + silence = out`, and after every insert
/// `received = decoded + dropped` plus what is waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JitterStats {
    /// Taken in.
    pub received_samples: u64,
    /// Came after their turn, for the first time; not used.
    pub late_samples: u64,
    /// Passed over on the time line, and not seen since.
    pub lost_samples: u64,
    /// Came again; not used.
    pub duplicate_samples: u64,
    /// Taken in, and dropped because later audio had no room.
    pub dropped_samples: u64,
    /// Of packets not believed: too far from all other audio, and nothing followed them.
    pub stray_samples: u64,
    /// Received and played, or cut.
    pub decoded_samples: u64,
    /// Substituted because nothing was there to play: the voice continued, then silence.
    pub concealed_samples: u64,
    /// Added by repeating pitch periods, to let the delay grow.
    pub stretched_samples: u64,
    /// Taken out, pitch period by pitch period, to let the delay shrink.
    pub cut_samples: u64,
    /// Silence before the first packet.
    pub silence_samples: u64,
    /// Pulled.
    pub out_samples: u64,
    /// Jumps of the time line that were followed; a number of times.
    pub resyncs: u64,
}
