.type xdp
.map counts array 4 64 1
	r1 = map[counts][0]+56 ll
	r0 = *(u64 *)(r1 + 0)
	r0 = 2
	exit
