#!/bin/sh
# `make compose-backup TO=…` and `make compose-restore FROM=…`: the store as it is at one moment, and the key that
# encrypts the signing keys. COMPOSE is the command for docker compose. A backup has the form of that of `make backup`.
set -eu
umask 077
compose=${COMPOSE:-docker compose}

save() {
    mkdir -p "$1"
    $compose exec -T store sh -euc '
        cli=$(command -v valkey-cli || command -v redis-cli)
        # Refused while the append-only file is being rewritten.
        tries=0
        until $cli BGSAVE | grep -q started; do tries=$((tries + 1)); test $tries -lt 600; sleep 1; done
        while $cli INFO persistence | grep -q rdb_bgsave_in_progress:1; do sleep 0.2; done
        $cli INFO persistence | grep -q rdb_last_bgsave_status:ok
        cat /data/dump.rdb
        rm /data/dump.rdb' >"$1/store.rdb.new"
    $compose run --rm --no-deps -T secrets cat /secrets/key-encryption-key >"$1/key-encryption-key.new"
    for file in store.rdb key-encryption-key; do
        test -s "$1/$file.new"
        mv "$1/$file.new" "$1/$file"
    done
    echo "Saved in $1. It holds the key that opens the signing keys: keep it as you keep a key."
}

load() {
    for file in store.rdb key-encryption-key; do
        test -s "$1/$file" || { echo "$1 is no backup: it has no $file" >&2; exit 1; }
    done
    test -z "$($compose ps --quiet)" || { echo "the deployment runs: make down first" >&2; exit 1; }
    # The snapshot becomes the base of an append-only file: beside one, a server reads no dump.rdb.
    $compose run --rm --no-deps -T store sh -euc '
        test ! -e /data/appendonlydir || { echo "the volume of the store holds data: remove it first" >&2; exit 1; }
        umask 077
        rm -rf /data/restoring
        mkdir /data/restoring
        cat >/data/restoring/appendonly.aof.1.base.rdb
        echo "file appendonly.aof.1.base.rdb seq 1 type b" >/data/restoring/appendonly.aof.manifest
        mv /data/restoring /data/appendonlydir' <"$1/store.rdb"
    $compose run --rm --no-deps -T secrets sh -euc '
        umask 077
        cat >/secrets/new
        mv /secrets/new /secrets/key-encryption-key' <"$1/key-encryption-key"
    cat <<END
Restored. Before \`make up\`, think of what happened after the backup; it is as if it never had. Start the store alone,
$compose up --detach --wait store
and withdraw with $compose run --rm --no-deps auth python -m auth_service …
- signing keys that were revoked since:   keys list, keys revoke KID
- access that was ended since:            grants list, grants revoke GRANT
- people removed, passwords changed:      users list, users remove, users set-password
docs/operations.md says more.
END
}

"$1" "$2"
