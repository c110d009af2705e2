; The value has 64 bytes.
.type xdp
.map counts array 4 64 1
	r1 = map[counts][0]+64 ll
	r0 = 2
	exit
