// rustc --target bpfel-unknown-none --crate-type lib --emit llvm-bc -O -g --remap-path-prefix=$PWD=/src queue.rs,
// then clang -target bpf -c, and without .BTF and .BTF.ext. No crate: not even core.
#![no_core]
#![no_std]
#![feature(no_core, lang_items, intrinsics, rustc_attrs)]
#![allow(internal_features)]
#[lang = "pointee_sized"] pub trait PointeeSized {}
#[lang = "meta_sized"] pub trait MetaSized: PointeeSized {}
#[lang = "sized"] pub trait Sized: MetaSized {}
#[lang = "copy"] pub trait Copy {}
impl Copy for u32 {}
impl Copy for bool {}
#[lang = "drop_in_place"] unsafe fn drop_in_place<T: PointeeSized>(_: *mut T) {}
#[lang = "sync"] pub unsafe trait Sync {}
unsafe impl Sync for u32 {}
impl<T> Copy for *const T {}

#[repr(C)]
pub struct XdpMd { data: u32, data_end: u32, data_meta: u32, ingress_ifindex: u32, rx_queue_index: u32 }
impl Copy for XdpMd {}

#[link_section = "license"]
#[no_mangle]
pub static LICENSE: u32 = 0x4c5047;

#[link_section = "xdp"]
#[no_mangle]
pub extern "C" fn first(ctx: *const XdpMd) -> u32 {
    let queue = unsafe { (*ctx).rx_queue_index };
    match queue {
        0 => 1,
        1 => 3,
        7 => 0,
        _ => 2,
    }
}
