; A map value is read at a constant offset behind its end.
.type socket
.map table array 4 8 1
    *(u32 *)(r10 - 4) = 0
    r1 = map[table] ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r0 += 6
    r0 = *(u64 *)(r0 + 0)
out:
    r0 = 0
    exit
