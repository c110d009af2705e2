.type xdp
.map counts array 4 8 1
	r1 = map[counts][0]+0 ll
	r0 = 2
	exit
