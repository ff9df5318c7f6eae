//! Files made for the tests: the smallest that a kind is known by, ZIP files with any directory, OLE files.
#![allow(dead_code, reason = "each test takes what it needs")]

/// A small whole file of the kind that an extension promises.
pub fn sample(of: &str) -> Vec<u8> {
    let padded = |magic: &[u8]| [magic, &[0; 64]].concat();
    match of {
        "jpg" => [&b"\xff\xd8\xff\xe0\0\x10JFIF\0"[..], &[0; 32], b"\xff\xd9"].concat(),
        "png" => [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &[0; 32], b"\0\0\0\0IEND\xae\x42\x60\x82"].concat(),
        "gif" => [&b"GIF89a"[..], &[0; 32], b"\x3b"].concat(),
        "webp" => [&b"RIFF\x1c\0\0\0WEBPVP8 "[..], &[0; 20]].concat(),
        "bmp" => [&b"BM\x40\0\0\0\0\0\0\0"[..], &[0; 54]].concat(),
        "tiff" => padded(b"II*\0"),
        "heic" => padded(b"\0\0\0\x18ftypheic"),
        "avif" => padded(b"\0\0\0\x18ftypavif"),
        "svg" => b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"><path/></svg>".to_vec(),
        "svg-script" => b"<svg><a onload = 'x()'/></svg>".to_vec(),
        "mp4" => padded(b"\0\0\0\x18ftypisom"),
        "mov" => padded(b"\0\0\0\x18ftypqt  "),
        "m4a" => padded(b"\0\0\0\x18ftypM4A "),
        "webm" => padded(b"\x1aE\xdf\xa3"),
        "avi" => [&b"RIFF\x1c\0\0\0AVI LIST"[..], &[0; 20]].concat(),
        "wav" => [&b"RIFF\x1c\0\0\0WAVEfmt "[..], &[0; 20]].concat(),
        "mp3" => padded(b"ID3\x04"),
        "mp3-frame" => padded(b"\xff\xfb\x90\x44"),
        "aac" => padded(b"\xff\xf1\x50\x80"),
        "ogg" => padded(b"OggS\0\x02"),
        "flac" => padded(b"fLaC"),
        "pdf" => b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n".to_vec(),
        "pdf-script" => b"%PDF-1.7\n<< /OpenAction << /S /JavaScript /JS (x) >> >>\n%%EOF\n".to_vec(),
        "rtf" => b"{\\rtf1 hello}".to_vec(),
        "doc" => ole(&["WordDocument"]),
        "doc-macro" => ole(&["WordDocument", "Macros", "VBA", "_VBA_PROJECT"]),
        "docx" => zip(&[("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<x/>")]),
        "docx-macro" => zip(&[("[Content_Types].xml", b"<x/>"), ("word/vbaProject.bin", b"x")]),
        "odt" => zip(&[("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", b"<x/>")]),
        "epub" => zip(&[("mimetype", b"application/epub+zip"), ("OPS/a.xhtml", b"<x/>")]),
        "zip" => zip(&[("a.txt", b"hello"), ("b/c.jpg", b"x")]),
        "apk" => zip(&[("AndroidManifest.xml", b"x"), ("classes.dex", b"x"), ("META-INF/MANIFEST.MF", b"x")]),
        "jar" => zip(&[("META-INF/MANIFEST.MF", b"x"), ("a/B.class", b"x")]),
        "gz" => padded(b"\x1f\x8b\x08"),
        "7z" => padded(b"7z\xbc\xaf\x27\x1c"),
        "rar" => padded(b"Rar!\x1a\x07\x01"),
        "tar" => [&[b'a'; 257][..], b"ustar\x0000", &[0; 250]].concat(),
        "exe" => padded(b"MZ\x90\0\x03"),
        "elf" => padded(b"\x7fELF\x02\x01"),
        "macho" => padded(b"\xcf\xfa\xed\xfe"),
        "class" => padded(b"\xca\xfe\xba\xbe\0\0\0\x34")
            .into_iter()
            .enumerate()
            .map(|(at, b)| if at == 5 { 3 } else { b })
            .collect(),
        "dex" => padded(b"dex\n035\0"),
        "lnk" => padded(b"L\0\0\0\x01\x14\x02\0"),
        "msi" => {
            ole_of(&["SummaryInformation"], [0x84, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46])
        }
        "deb" => padded(b"!<arch>\ndebian-binary"),
        "sh" => b"#!/bin/sh\nrm -rf ~\n".to_vec(),
        "desktop" => b"[Desktop Entry]\nExec=sh -c x\n".to_vec(),
        "html" => b"\n <!DOCTYPE html><html><script>1</script>".to_vec(),
        "txt" => "Olá, isto é só texto.\n".as_bytes().to_vec(),
        "utf16" => [&b"\xff\xfe"[..], &"texto".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()]
            .concat(),
        "noise" => (0..=255).collect(),
        "empty" => Vec::new(),
        other => panic!("no sample of {other}"),
    }
}

/// A ZIP file with these files, stored.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut made = Zip::default();
    for (name, bytes) in files {
        made.add(name, bytes, bytes.len() as u32);
    }
    made.close()
}

/// A ZIP file that may say what it likes.
#[derive(Default, Clone)]
pub struct Zip {
    pub bytes: Vec<u8>,
    pub directory: Vec<u8>,
    pub count: u16,
    pub flags: u16,
    pub method: u16,
}

impl Zip {
    /// Adds a file, and says that it unpacks to `size`.
    pub fn add(&mut self, name: &str, packed: &[u8], size: u32) {
        let at = self.bytes.len() as u32;
        self.bytes.extend(b"PK\x03\x04\x14\0");
        self.bytes.extend(self.flags.to_le_bytes());
        self.bytes.extend(self.method.to_le_bytes());
        self.bytes.extend([0; 8]);
        self.bytes.extend((packed.len() as u32).to_le_bytes());
        self.bytes.extend(size.to_le_bytes());
        self.bytes.extend((name.len() as u16).to_le_bytes());
        self.bytes.extend([0; 2]);
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(packed);
        self.point(name, packed.len() as u32, size, at);
    }

    /// An entry of the directory alone.
    pub fn point(&mut self, name: &str, packed: u32, size: u32, at: u32) {
        let d = &mut self.directory;
        d.extend(b"PK\x01\x02\x14\0\x14\0");
        d.extend(self.flags.to_le_bytes());
        d.extend(self.method.to_le_bytes());
        d.extend([0; 8]);
        d.extend(packed.to_le_bytes());
        d.extend(size.to_le_bytes());
        d.extend((name.len() as u16).to_le_bytes());
        d.extend([0; 12]);
        d.extend(at.to_le_bytes());
        d.extend(name.as_bytes());
        self.count += 1;
    }

    /// The directory and its end.
    pub fn close(self) -> Vec<u8> {
        let (at, length) = (self.bytes.len() as u32, self.directory.len() as u32);
        let mut bytes = [self.bytes, self.directory].concat();
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(at.to_le_bytes());
        bytes.extend([0; 2]);
        bytes
    }
}

/// An OLE compound file with these streams: header, one sector of table, directory.
pub fn ole(streams: &[&str]) -> Vec<u8> {
    ole_of(streams, [0; 16])
}

fn ole_of(streams: &[&str], class: [u8; 16]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    header[26..34].copy_from_slice(&[3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
    header[48..52].copy_from_slice(&1u32.to_le_bytes());
    header[76..512].fill(0xff);
    header[76..80].copy_from_slice(&0u32.to_le_bytes());
    let mut entries = entry("Root Entry", 5, class);
    streams.iter().for_each(|name| entries.extend(entry(name, 2, [0; 16])));
    entries.resize(entries.len().next_multiple_of(512), 0);
    let sectors = entries.len() / 512;
    let mut table = vec![0xff; 512];
    table[..4].copy_from_slice(&0xffff_fffdu32.to_le_bytes());
    for sector in 1..=sectors {
        let next = if sector == sectors { 0xffff_fffe } else { sector as u32 + 1 };
        table[sector * 4..sector * 4 + 4].copy_from_slice(&next.to_le_bytes());
    }
    [header, table, entries].concat()
}

fn entry(name: &str, kind: u8, class: [u8; 16]) -> Vec<u8> {
    let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let length = entry.len() as u16 + 2;
    entry.resize(128, 0);
    entry[64..66].copy_from_slice(&length.to_le_bytes());
    entry[66] = kind;
    entry[80..96].copy_from_slice(&class);
    entry
}
