.type xdp
	r0 = 2
