#!/bin/sh
# `make compose-backup TO=…` and `make compose-restore FROM=…`: a snapshot of the database and the key encryption key.
# COMPOSE is the command for docker compose. The format is that of `make backup`.
set -eu
umask 077
compose=${COMPOSE:-docker compose}

save() {
    if [ -e "$1" ] && [ -n "$(ls -A "$1")" ]; then
        echo "$1 is not empty, and a backup replaces nothing: name another directory" >&2
        exit 1
    fi
    # Nothing half-written is left: a directory that exists is emptied, another one is removed again.
    directory=$1
    made=$(test -d "$1" || echo "$1")
    mkdir -p "$1"
    trap 'rm -f "$directory"/store.rdb* "$directory"/key-encryption-key*; test -z "$made" || rmdir "$made"' EXIT
    trap 'exit 130' INT TERM
    $compose exec -T store sh -euc '
        cli="$(command -v valkey-cli || command -v redis-cli) --tls --cacert /secrets/ca.pem"
        VALKEYCLI_AUTH=$(sed -n "s/^requirepass //p" /secrets/valkey.conf)
        export VALKEYCLI_AUTH REDISCLI_AUTH="$VALKEYCLI_AUTH"
        # BGSAVE fails while the append-only file is being rewritten.
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
    trap - EXIT
    echo "Saved in $1. It contains the key encryption key: store it like a secret."
}

load() {
    for file in store.rdb key-encryption-key; do
        test -s "$1/$file" || { echo "$1 is not a backup: $file is missing" >&2; exit 1; }
    done
    test -z "$($compose ps --quiet)" || { echo "the deployment is running: run make down first" >&2; exit 1; }
    # The container that mounts a volume first determines its owner.
    $compose run --rm --no-deps -T secrets true
    # The snapshot becomes the base of an append-only file: a server with one ignores dump.rdb.
    $compose run --rm --no-deps -T store sh -euc '
        test ! -e /data/appendonlydir || { echo "the volume of the database is not empty: remove it first" >&2; exit 1; }
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
    # Before auth_service makes grants on restored data. Its settings are complete with the declaration.
    $compose run --rm --no-deps -T declaration
    $compose up --detach --wait store
    auth_service="$compose run --rm --no-deps auth python -m auth_service"
    $compose run --rm --no-deps -T auth python -m auth_service grants renew-lists
    cat <<END
Restored. The restore has undone what happened after the backup. The database runs. Before \`make up\`, repeat these
changes:
- signing keys that were revoked:    $auth_service keys list
                                     $auth_service keys revoke KID
- grants that were ended:            $auth_service grants list
                                     $auth_service grants revoke GRANT
- users removed, passwords changed:  $auth_service users list
                                     $auth_service users remove NAME
                                     $auth_service users set-password NAME
Details: docs/operations.md, "Backup and restore".
END
}

"$1" "$2"
