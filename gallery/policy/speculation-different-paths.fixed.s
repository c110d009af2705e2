.type socket
.map kept array 4 64 1
	r6 = *(u32 *)(r1 + 0)
	*(u32 *)(r10 - 4) = 0
	r2 = r10
	r2 += -4
	r1 = map[kept] ll
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	if r6 == 0 goto constant
	r1 = *(u32 *)(r0 + 0)
	if r1 > 8 goto out
	r0 += r1
	r1 = *(u8 *)(r0 + 0)
	goto out
constant:
	r1 = *(u8 *)(r0 + 4)
out:
	r0 = 0
	exit
