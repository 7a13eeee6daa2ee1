//! As much HTTP/1.1 as both sides of the gateway need, over blocking sockets: a thread that waits for
//! one is ended by shutting the socket down.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const HEAD_MAX: usize = 64 << 10;

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// A request's or an answer's head; `first` is method and path, or the status and nothing.
pub struct Head {
    pub first: (String, String),
    headers: Vec<(String, String)>,
}

impl Head {
    pub fn get(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// None at the orderly end of a connection.
    pub fn read(reader: &mut impl BufRead, is_request: bool) -> io::Result<Option<Head>> {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            let before = text.len();
            reader.by_ref().take((HEAD_MAX - before) as u64).read_until(b'\n', &mut text)?;
            if text.len() == before {
                return if before == 0 { Ok(None) } else { Err(bad("a head that was cut")) };
            }
        }
        let mut slots = [httparse::EMPTY_HEADER; 64];
        let first;
        let headers: &[httparse::Header];
        if is_request {
            let mut request = httparse::Request::new(&mut slots);
            request.parse(&text).map_err(|_| bad("no HTTP request"))?;
            first = (request.method.unwrap_or("").into(), request.path.unwrap_or("").into());
            headers = request.headers;
            return Ok(Some(Head { first, headers: owned(headers) }));
        }
        let mut response = httparse::Response::new(&mut slots);
        response.parse(&text).map_err(|_| bad("no HTTP answer"))?;
        first = (response.code.unwrap_or(0).to_string(), String::new());
        headers = response.headers;
        Ok(Some(Head { first, headers: owned(headers) }))
    }
}

fn owned(headers: &[httparse::Header]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect()
}

/// A body: of stated length, in chunks, or up to the connection's end.
pub struct Body<R> {
    reader: R,
    left: Option<u64>, // of the chunk or the whole; None: up to the end
    chunked: bool,
}

impl<R: BufRead> Body<R> {
    pub fn new(head: &Head, reader: R, is_request: bool) -> Body<R> {
        let chunked = head.get("transfer-encoding").eq_ignore_ascii_case("chunked");
        let length = head.get("content-length").parse().ok();
        let left = if chunked || is_request { Some(length.unwrap_or(0)) } else { length };
        Body { reader, left: if chunked { Some(0) } else { left }, chunked }
    }

    /// Reads the size of the next chunk; false after the last.
    fn next_chunk(&mut self) -> io::Result<bool> {
        let mut line = String::new();
        while line.trim().is_empty() {
            line.clear();
            if self.reader.by_ref().take(1024).read_line(&mut line)? == 0 {
                return Err(bad("a chunk that was cut"));
            }
        }
        let size = line.split(';').next().unwrap_or("").trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| bad("no chunk size"))?;
        self.left = Some(size);
        self.chunked = size > 0;
        if size == 0 {
            self.reader.by_ref().take(1024).read_line(&mut line)?;
        }
        Ok(size > 0)
    }
}

impl<R: BufRead> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == Some(0) && !(self.chunked && self.next_chunk()?) {
            return Ok(0);
        }
        let most = self.left.unwrap_or(u64::MAX).min(buffer.len() as u64) as usize;
        let count = self.reader.read(&mut buffer[..most])?;
        if let Some(left) = &mut self.left {
            if count == 0 {
                return Err(bad("a body that was cut"));
            }
            *left -= count as u64;
        }
        Ok(count)
    }
}

/// Opens a connection to "host:port".
pub fn connect(authority: &str) -> io::Result<TcpStream> {
    let address = authority.to_socket_addrs()?.next().ok_or_else(|| bad("no such host"))?;
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request and returns the answer's status and body.
pub fn send(
    mut stream: TcpStream,
    authority: &str,
    head: &str,
    body: &[u8],
) -> io::Result<(u16, Body<BufReader<TcpStream>>)> {
    write!(
        stream,
        "{head} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    )?;
    stream.write_all(b"\r\n")?;
    stream.write_all(body)?;
    let mut reader = BufReader::new(stream);
    let head = Head::read(&mut reader, false)?.ok_or_else(|| bad("no answer"))?;
    let status = head.first.0.parse().unwrap_or(0);
    Ok((status, Body::new(&head, reader, false)))
}
