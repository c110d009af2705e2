"""Runs: queued, given to worker processes with limits, written down as they come, watched by sockets.

service   what views and consumers use: start a run, find one, read a stored one
pool      the worker processes and the queue before them
process   one worker process seen from outside: spawn, frames, measured use, kill
worker    the worker itself; imports vm, never Django
record    what a run said: frames in a file, an index in memory
store     finished records on disk, found again by what was asked
storage   what is said where a file cannot be stored or read
frames    how a message travels from worker to file to socket
"""
