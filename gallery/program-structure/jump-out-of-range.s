.type xdp
	r0 = 2
	goto +5
	exit
