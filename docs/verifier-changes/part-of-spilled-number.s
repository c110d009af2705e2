; A number below 64 is spilled with 64 bits; 32 bits of it are read, and index the stack.
.type socket
    call bpf_get_prandom_u32
    w7 = w0
    if w7 > 63 goto out
    *(u64 *)(r10 - 72) = r7
    r8 = *(u32 *)(r10 - 72)
    r1 = r10
    r1 += -64
    r1 += r8
    *(u8 *)(r1 + 0) = 1
out:
    r0 = 0
    exit
