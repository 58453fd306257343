//! A server that joins Twilio calls to a realtime model.

fn main() -> anyhow::Result<()> {
    trunkline_bridge_server::run()
}
