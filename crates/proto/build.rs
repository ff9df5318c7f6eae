//! Generates the wire types from `proto/lacre.proto`, without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto/lacre.proto");
    let descriptors = protox::compile(["proto/lacre.proto"], ["proto"])?;
    prost_build::Config::new()
        .bytes(["."])
        .boxed(".lacre.v1.Account.standing")
        .boxed(".lacre.v1.Account.terms")
        .boxed(".lacre.v1.Account.consent")
        .boxed(".lacre.v1.Account.profile")
        .compile_fds(descriptors)?;
    Ok(())
}
