"""The library through cffi, from nothing but its header."""

import re
from pathlib import Path

import cffi


def declarations(header: str) -> str:
    """What a header says to a compiler of C that knows the standard's headers."""
    code = re.sub(r"#ifdef __cplusplus.*?#endif[^\n]*", "", header, flags=re.S)
    lines = code.splitlines()
    macros = [line for line in lines if re.fullmatch(r"#define \w+ -?\d+", line)]
    return "\n".join([line for line in lines if not line.startswith("#")] + macros)


def load(header: str, library: str) -> tuple[cffi.FFI, object]:
    ffi = cffi.FFI()
    ffi.cdef(declarations(Path(header).read_text()))
    return ffi, ffi.dlopen(library)
