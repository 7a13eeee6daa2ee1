//! Errors: a status, and what the library says of it.

use crate::codes::{Field, Status};
use hexagent_sys as sys;
use std::ffi::CStr;
use std::fmt;

/// A status below 0. `field` names what was wrong where the library says so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Error {
    pub status: Status,
    pub field: Field,
    /// Names key or field, value and bounds; the status' own sentence otherwise.
    pub text: String,
}

pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

impl From<Status> for Error {
    fn from(status: Status) -> Error {
        Error { status, field: Field::None, text: status.text().to_owned() }
    }
}

impl Status {
    /// Name, e.g. `HEXAGENT_E_CYCLE`.
    pub fn name(self) -> &'static str {
        // SAFETY: any number may be asked for; the answer is static.
        static_text(unsafe { sys::hexagent_status_name(self.into()) })
    }

    /// One sentence.
    pub fn text(self) -> &'static str {
        // SAFETY: as above.
        static_text(unsafe { sys::hexagent_status_text(self.into()) })
    }

    pub fn is_error(self) -> bool {
        i32::from(self) < 0
    }
}

impl Field {
    /// Name as it stands in the records, e.g. `prompt_tokens`.
    pub fn name(self) -> &'static str {
        // SAFETY: as above.
        static_text(unsafe { sys::hexagent_field_name(self.into()) })
    }
}

fn static_text(text: *const std::os::raw::c_char) -> &'static str {
    // SAFETY: the library's texts are static, zero-terminated ASCII.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("?")
}

/// What the crate itself refuses, with a text that names field and value.
pub(crate) fn refused(status: Status, text: String) -> Error {
    Error { text, ..Error::from(status) }
}

/// The answer, if it is no error.
pub(crate) fn check(answer: i32) -> Result<u32> {
    u32::try_from(answer).map_err(|_| Status::from(answer).into())
}

/// The same with the detail of a set-up function.
pub(crate) fn check_detail(answer: i32, detail: &sys::hexagent_error) -> Result<()> {
    if answer >= 0 {
        return Ok(());
    }
    let mut error = Error::from(Status::from(answer));
    error.field = Field::from(detail.field);
    let text = crate::records::text(&detail.text);
    if !text.is_empty() {
        error.text = text;
    }
    Err(error)
}

/// The first record of a batch that was not taken, as an error that tells its place.
pub fn check_results(results: &[Status]) -> Result<()> {
    match results.iter().enumerate().find(|(_, status)| status.is_error()) {
        None => Ok(()),
        Some((index, &status)) => {
            let mut error = Error::from(status);
            error.text = format!("record {index}: {}", error.text);
            Err(error)
        }
    }
}
