//! Only tests: `cargo xtask s3`. The stories of `lacre_store::conformance::blobs`, and a few more, on a server that
//! speaks S3 over a socket and checks signatures (`s3s-fs`).
