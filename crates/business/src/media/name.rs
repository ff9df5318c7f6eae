//! What a file is called when nobody has named it.

/// The file's name, or one that is made of what it is known by and its MIME type: programs expect one.
pub fn file_name(name: Option<&str>, id: &str, mime: &str) -> String {
    if let Some(name) = name.filter(|it| !it.is_empty()) {
        return name.to_owned();
    }
    let mime = mime.split(';').next().unwrap_or_default().trim();
    let ending = match mime.to_ascii_lowercase().as_str() {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "audio/aac" => "aac",
        "audio/amr" => "amr",
        "audio/mpeg" => "mp3",
        "audio/mp4" => "m4a",
        "audio/ogg" => "ogg",
        "video/mp4" => "mp4",
        "video/3gpp" | "video/3gp" => "3gp",
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "text/vcard" => "vcf",
        _ => "bin",
    };
    format!("{id}.{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_named_is_called_by_its_id_and_its_kind() {
        assert_eq!(file_name(Some("rye.png"), "7", "image/png"), "rye.png");
        assert_eq!(file_name(None, "7", "audio/ogg; codecs=opus"), "7.ogg");
        assert_eq!(file_name(Some(""), "7", "application/x-unheard-of"), "7.bin");
    }
}
