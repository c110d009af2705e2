; Root reads stack that nothing was written to.
.type socket
    r0 = *(u64 *)(r10 - 8)
    r0 = 0
    exit
