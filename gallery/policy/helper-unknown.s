.type xdp
	call 9999
	exit
