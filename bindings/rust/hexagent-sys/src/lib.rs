//! Raw declarations of libhexagent's C ABI, generated from hexagent.h. Use the `hexagent` crate.
#![allow(non_camel_case_types)]

mod ffi;

pub use ffi::*;
