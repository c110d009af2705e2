; A number is used as an address, and the log says what the registers hold.
.type socket
    r6 = 7
    r0 = *(u64 *)(r6 + 0)
    exit
