"""Every reason for which a program is refused, as data: what the kernel says and what would have satisfied it.

`rule` defines the value; one module a topic holds the rules as module constants; `catalogue` collects them.
"""
