.type xdp
	r10 += -8
	r0 = 2
	exit
