.type socket
.map kept hash 4 8 1
	r4 = r1
	*(u32 *)(r10 - 4) = 0
	*(u64 *)(r10 - 16) = 0
	r2 = r10
	r2 += -4
	r3 = r10
	r3 += -16
	r1 = map[kept] ll
	call bpf_map_update_elem
	r0 = 0
	exit
