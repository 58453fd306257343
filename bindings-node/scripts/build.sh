#!/bin/sh
# Builds the native module for this machine, or for the target named by arguments (`--target TRIPLE`),
# with index.js and index.d.ts, which are committed.
set -eu
cd "$(dirname "$0")/.."
exec npx --no-install napi build --platform --release --no-const-enum \
    --dts-header "$(cat lib/native.d.ts)" "$@" -- --locked
