; The value is plain memory.
.type tc
.map timers array 4 16 1
	*(u32 *)(r10 - 4) = 0
	r2 = r10
	r2 += -4
	r1 = map[timers] ll
	call bpf_map_lookup_elem
	if r0 == 0 goto out
	*(u64 *)(r0 + 0) = 0
out:
	r0 = 0
	exit
