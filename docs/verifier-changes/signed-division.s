; A signed division, an instruction of -mcpu=v4.
.type socket
    r0 = -9
    r0 s/= 3
    r0 = 0
    exit
