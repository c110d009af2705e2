.type xdp
	r0 = 2
	if r0 == 1 goto +1
	r1 = 7 ll
	exit
