.type socket
    r1 = 4
    r2 = &each ll
    r3 = 0
    r4 = 0
    call bpf_loop
    r0 = 0
    exit
each:
    r0 = 0
    exit
