; Two frames of 320 bytes each.
.type kprobe
    *(u64 *)(r10 - 320) = 0
    call below
    r0 = 0
    exit
below:
    *(u64 *)(r10 - 320) = 0
    r0 = 0
    exit
