; A number is used as an address.
.type socket
    r0 = 1
    r0 = *(u64 *)(r0 + 0)
    exit
