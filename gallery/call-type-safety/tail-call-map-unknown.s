.type socket
.map first prog_array 4 4 1
.map second prog_array 4 4 1
	r2 = map[first] ll
	r3 = *(u32 *)(r1 + 0)
	if r3 == 0 goto call
	r2 = map[second] ll
call:
	r3 = 0
	call bpf_tail_call
	r0 = 0
	exit
