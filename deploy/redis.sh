#!/bin/sh
# Redis with deploy/users.acl. REDIS_PASSWORD, WORKER_PASSWORD -- letters and digits
set -eu
umask 077
sed -e "s/WEB_PASSWORD/$REDIS_PASSWORD/" -e "s/WORKER_PASSWORD/$WORKER_PASSWORD/" /users.acl > /tmp/users.acl
exec redis-server --bind '* -::*' --save "" --appendonly no --dir /tmp --maxmemory 512mb --maxmemory-policy noeviction \
    --aclfile /tmp/users.acl
