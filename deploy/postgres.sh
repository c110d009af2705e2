#!/bin/sh
# PostgreSQL 15 on the volume /var/lib/postgresql/data; the first start makes the database `bpfscope` and its owner of
# the same name. POSTGRES_PASSWORD -- the owner's
set -eu
export PGDATA=/var/lib/postgresql/data/15
if [ ! -d "$PGDATA" ]; then
    new=/var/lib/postgresql/data/new  # renamed when it is complete
    rm -rf "$new"
    umask 077
    printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/password
    initdb -D "$new" -U bpfscope --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 \
        -E UTF8 --locale=C.UTF-8 --no-instructions
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$new/pg_hba.conf"
    echo "CREATE DATABASE bpfscope" | postgres --single -D "$new" postgres
    mv "$new" "$PGDATA"
fi
exec postgres -c "listen_addresses=*" -c unix_socket_directories=/tmp
