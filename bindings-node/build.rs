//! What the linker needs to know to leave Node-API to Node.

fn main() {
    napi_build::setup();
}
