.type xdp
	r1 = r10
	r1 += 0x1fffffff
	r1 += 0x1fffffff
	r0 = 0
	exit
