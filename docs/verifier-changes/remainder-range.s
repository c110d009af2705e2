; A remainder of a division by 16 is used as an offset.
.type xdp
.map table array 4 64 1
    *(u32 *)(r10 - 4) = 0
    r6 = *(u32 *)(r1 + 16)
    r6 %= 16
    r1 = map[table] ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r0 += r6
    r0 = *(u8 *)(r0 + 0)
out:
    r0 = 0
    exit
