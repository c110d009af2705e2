.type xdp
.map entries hash 4 16 64
	*(u32 *)(r10 - 4) = 0
	r2 = r10
	r2 += -4
	r1 = map[entries] ll
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	r0 += 8
	r1 = 1
	*(u64 *)(r0 + 0) = r1
out:
	r0 = 2
	exit
