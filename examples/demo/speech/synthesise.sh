#!/usr/bin/env bash
# Makes the WAV files beside it: CMU ARCTIC voices by flite, levelled and resampled by sox.
set -euo pipefail
cd "$(dirname "$0")"

# The caller is stored as the telephone network carries it, the agent as a realtime model makes it.
say() { # voice, rate in Hz, name, text
    local raw
    raw=$(mktemp --suffix=.wav)
    flite -voice "$1" -t "$4" -o "$raw"
    # Silence at both ends would count as speech in every latency measured from a file's end.
    sox -D "$raw" -b 16 "$3.wav" silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse \
        rate -v "$2" norm -6
    rm "$raw"
    echo "$4" >"$3.txt"
}

say rms 8000 caller-1 "I would like an appointment on Tuesday, please."
say rms 8000 caller-2 "Half past two please, and what should I bring?"
say rms 8000 caller-3 "Sorry, could we make it nine o'clock instead?"
say slt 24000 agent-1 "Riverside clinic, how can I help you?"
say slt 24000 agent-2 "On Tuesday I have nine o'clock, or half past two."
say slt 24000 agent-3 "I have booked you in for half past two on Tuesday. Please bring your insurance card and a list of the medicines you take. Parking is behind the building."
say slt 24000 agent-4 "Of course. Nine o'clock on Tuesday. Goodbye!"
