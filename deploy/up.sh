#!/bin/sh
# `make up`: builds and starts the deployment, and says what comes next. COMPOSE is the command for docker compose;
# arguments are services, all by default.
set -eu
compose=${COMPOSE:-docker compose}

# The base of an image of your own, first: a variable of the environment wins over that of .env.
SALLYPORT_MCP_BUILD='' $compose build --quiet mcp
running=$($compose ps --quiet auth)
$compose up --build --detach --wait "$@" || {
    printf '\nThe last lines of the logs:\n'
    $compose logs --no-color --tail 5 declaration mcp auth
    exit 1
} >&2

# Files that are mounted may have changed without a change of any container.
restart=$($compose logs --no-log-prefix --tail 1 declaration | sed -n 's/^.*restart: *//p')
if [ -n "$running" ] && [ -n "$restart" ]; then
    # shellcheck disable=SC2086 # a list of services
    $compose restart $restart
fi

printf '\n'
$compose exec -T mcp python -m mcp_service connect
if [ "$($compose exec -T auth python -m auth_service users list --json | tr -d ' \n')" = "[]" ]; then
    cat <<END

  There is no user yet. Add the first one, who signs in with a password:
      $compose exec auth python -m auth_service users add alice
END
fi
printf '\nmake down stops it; the data stays.\n'
