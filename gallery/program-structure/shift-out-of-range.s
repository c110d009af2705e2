.type xdp
	r0 = 2
	r0 <<= 64
	exit
