.type xdp
	r0 = 2
	if r0 == 1 goto +2
	r1 = 7 ll
	exit
