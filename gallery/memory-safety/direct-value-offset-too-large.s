.type xdp
.map counts array 4 64 1
	r1 = map[counts][0]+0x20000000 ll
	r0 = 2
	exit
