.type xdp
.map programs prog_array 4 4 2
    r2 = map[programs] ll
    r3 = 0
    call bpf_tail_call
    r0 = 2
    exit
