.type xdp
	call local
	exit
local:
	r0 = 2
	exit
