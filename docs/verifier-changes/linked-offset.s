; A number plus 4 is compared; the number itself is used.
.type xdp
.map table array 4 64 1
    *(u32 *)(r10 - 4) = 0
    r6 = r1
    r1 = map[table] ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = *(u32 *)(r6 + 16)
    r2 = r1
    r2 += 4
    if r2 > 60 goto out
    r0 += r1
    r0 = *(u8 *)(r0 + 0)
out:
    r0 = 0
    exit
