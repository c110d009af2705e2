.type xdp
.map programs prog_array 4 4 2
    call jump
    r0 = 2
    exit
jump:
    r2 = map[programs] ll
    r3 = 0
    call bpf_tail_call
    r0 = 0
    exit
